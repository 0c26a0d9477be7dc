package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// azureAccount is how a storage account of Azure is reached.
type azureAccount struct {
	name, endpoint string
	auth, secret   string
}

// The variables of Azure's own tools.
const (
	azureKeyVariable        = "AZURE_STORAGE_KEY"
	azureSASVariable        = "AZURE_STORAGE_SAS_TOKEN"
	azureConnectionVariable = "AZURE_STORAGE_CONNECTION_STRING"
	azureAccountVariable    = "AZURE_STORAGE_ACCOUNT"
)

// azureAccount finds the account and its key: what the flags say, else what the
// environment has, else the login of Azure's own tools.
func (a *app) azureAccount(f addFlags) (azureAccount, error) {
	account := azureAccount{name: first(f.account, os.Getenv(azureAccountVariable)), endpoint: f.endpoint}
	// What the environment has of another account is not for this one.
	theirs := account.name != first(os.Getenv(azureAccountVariable), account.name)
	var err error
	switch {
	case f.anonymous:
		account.auth = authAnonymous
	case f.from.connection:
		text, err := notEmpty(a.readLine())
		if err != nil {
			return account, err
		}
		return parseConnection(text, f)
	case f.from.sas || f.auth == authSAS:
		account.auth = authSAS
		account.secret, err = a.secret(secretQuestion{
			prompt: "SAS token: ", stdin: f.from.sas || f.from.stdin, variable: azureSASVariable, ignored: theirs, flag: "--sas-stdin", instead: "--auth default",
		})
	case f.from.stdin || f.auth == authKey:
		account.auth = authKey
		account.secret, err = a.secret(secretQuestion{
			prompt: "Account key: ", stdin: f.from.stdin, variable: azureKeyVariable, ignored: theirs, flag: "--secret-stdin", instead: "--auth default",
		})
	case f.auth == authDefault:
		account.auth = authDefault
	case f.auth != "":
		return account, usagef("--auth is one of %s", list([]string{authKey, authSAS, authDefault}))
	case os.Getenv(azureConnectionVariable) != "":
		account, err := parseConnection(os.Getenv(azureConnectionVariable), f)
		switch {
		case errors.Is(err, errOtherConnection):
			return account, usagef("%s is of another account than --account %s: unset it, or choose another login with --auth %s",
				azureConnectionVariable, f.account, list([]string{authKey, authSAS, authDefault}))
		case err != nil:
			return account, fmt.Errorf("%s: %w", azureConnectionVariable, err)
		}
		return account, nil
	case theirs:
		account.auth = authDefault
	case os.Getenv(azureKeyVariable) != "":
		account.auth, account.secret = authKey, os.Getenv(azureKeyVariable)
	case os.Getenv(azureSASVariable) != "":
		account.auth, account.secret = authSAS, os.Getenv(azureSASVariable)
	default:
		account.auth = authDefault
	}
	if account.auth == authSAS {
		account.secret = bareSAS(account.secret)
	}
	return account, err
}

// bareSAS is the token of a SAS, of which Azure also shows the whole URL.
func bareSAS(text string) string {
	if _, query, found := strings.Cut(text, "?"); found {
		return query
	}
	return text
}

var errConnection = errors.New(`this is no connection string: it looks like "AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"`)

var errOtherConnection = usagef("the connection string is of another account than that of --account: leave --account out, or choose another login with --auth")

// parseConnection reads a connection string. It is a secret, so no error quotes it.
func parseConnection(text string, f addFlags) (azureAccount, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(text), `"'`), ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, found := strings.Cut(part, "=")
		if !found {
			return azureAccount{}, errConnection
		}
		fields[strings.ToLower(key)] = value
	}
	account := azureAccount{name: first(fields["accountname"], f.account), endpoint: first(f.endpoint, fields["blobendpoint"])}
	switch {
	case fields["accountkey"] != "":
		account.auth, account.secret = authKey, fields["accountkey"]
	case fields["sharedaccesssignature"] != "":
		account.auth, account.secret = authSAS, bareSAS(fields["sharedaccesssignature"])
	default:
		return azureAccount{}, errConnection
	}
	if suffix := fields["endpointsuffix"]; account.endpoint == "" && suffix != "" && suffix != "core.windows.net" {
		account.endpoint = first(fields["defaultendpointsprotocol"], "https") + "://" + account.name + ".blob." + suffix
	}
	if f.account != "" && f.account != account.name {
		return azureAccount{}, errOtherConnection
	}
	return account, nil
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
