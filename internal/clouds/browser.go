package clouds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Client returns an HTTP client that goes through the proxy and trusts its authority;
// loopback addresses it asks directly. The caller closes its idle connections.
func (c *Clouds) Client() (*http.Client, error) {
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	proxy, err := url.Parse(c.ProxyURL)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if host := r.URL.Hostname(); host == "localhost" || host == "127.0.0.1" || host == "::1" {
				return nil, nil
			}
			return proxy, nil
		},
	}}, nil
}

// Visit opens an address as the user's browser does, follows it to its end, also to a
// program that waits on loopback, and returns the text of the last page. A page that
// shows a code gives the code alone. A status of 400 or more is an error.
func (c *Clouds) Visit(ctx context.Context, address string) (string, error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	text := string(page)
	if _, after, ok := strings.Cut(text, "<code>"); ok {
		text, _, _ = strings.Cut(after, "</code>")
		text = html.UnescapeString(text)
	}
	if resp.StatusCode >= 400 {
		return text, fmt.Errorf("%s: %s", resp.Status, text)
	}
	return text, nil
}
