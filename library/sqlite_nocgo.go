//go:build !cgo

package library

import _ "github.com/mattn/go-sqlite3" // its stub says that cgo is needed

func fault(error) kind { return other }
