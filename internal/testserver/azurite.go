package testserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// The account that Azurite serves, and its published key.
const (
	AzureAccount = "devstoreaccount1"
	AzureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azurite is a running server of Azure Blob Storage that keeps all in memory and checks
// signatures and conditions. Its methods are safe for concurrent use.
type Azurite struct {
	// Endpoint is the account's, "http://127.0.0.1:port/devstoreaccount1".
	Endpoint string

	process *process
	client  *http.Client
}

// StartAzurite starts one on a free port. It needs Node.js, and the packages that
// scripts/tools.sh installs.
func StartAzurite(ctx context.Context) (*Azurite, error) {
	node, err := Tool("node")
	if err != nil {
		return nil, err
	}
	script, err := Package("azurite", "dist/src/blob/main.js")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for range 5 {
		addr, freeErr := freeAddr()
		if freeErr != nil {
			return nil, freeErr
		}
		host, port, _ := net.SplitHostPort(addr)
		var p *process
		p, err = spawn(node, []string{
			script, "--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry",
			"--blobHost", host, "--blobPort", port,
		})
		if err != nil {
			return nil, err
		}
		s := &Server{URL: "http://" + addr, process: p, client: newClient()}
		if err = s.await(ctx); err == nil {
			return &Azurite{Endpoint: s.URL + "/" + AzureAccount, process: p, client: s.client}, nil
		}
		s.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("azurite does not start: %w", err)
}

// Package finds a file of an installed npm package: below $SD_TOOLS/../npm, else below
// .tools/npm of the repository that the working directory is in.
func Package(name, file string) (string, error) {
	var dirs []string
	if dir := os.Getenv("SD_TOOLS"); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "..", "npm"))
	}
	if root, err := repository(); err == nil {
		dirs = append(dirs, filepath.Join(root, ".tools", "npm"))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "node_modules", name, file)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the npm package %s is not installed: run make tools", name)
}

// Stop kills the server. It may be called twice.
func (a *Azurite) Stop() error {
	a.client.CloseIdleConnections()
	a.process.kill()
	return nil
}

// Pid is the process id of the server, for measurements and signals.
func (a *Azurite) Pid() int { return a.process.cmd.Process.Pid }

// Container returns the official client of a container, which need not exist.
func (a *Azurite) Container(name string) (*container.Client, error) {
	key, err := azblob.NewSharedKeyCredential(AzureAccount, AzureKey)
	if err != nil {
		return nil, err
	}
	return container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, key, nil)
}

// MakeContainer makes a container.
func (a *Azurite) MakeContainer(ctx context.Context, name string) error {
	c, err := a.Container(name)
	if err == nil {
		_, err = c.Create(ctx, nil)
	}
	return err
}
