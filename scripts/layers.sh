#!/usr/bin/env bash
# layers.sh: fail on an import that the plan of the house (docs/architecture.md) does not have.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# The packages of internal/ serve tests and benchmarks alone, so they may import all.
# PACKAGE: what of ours it may import. The first pattern that fits decides; * is one
# or more path elements, "any" is everything but cmd.
rules='
cmd/sd                 actions actions/* fs guardian login doctor index index/* jobs resolver cache staging rename secrets library library/catalog identity backends backends/* sdpath
scripts/*              any
fs                     resolver cache staging rename library/catalog identity backends sdpath
guardian               library library/catalog resolver backends identity sdpath
actions/plan           actions/stores actions/steps actions/compare library library/catalog resolver backends identity sdpath
actions/syncs          actions/stores actions/steps actions/compare library library/catalog resolver backends identity sdpath
actions/transfer       actions/stores actions/steps resolver backends identity sdpath
actions/trash          actions/stores actions/steps backends sdpath
actions/compare        actions/stores backends identity sdpath
actions/stores         actions/steps library library/catalog resolver backends identity sdpath
actions/steps          backends identity sdpath
actions                actions/* jobs library library/catalog resolver backends identity sdpath
index/watch            index index/identify library library/catalog resolver backends identity sdpath
index/identify         index library library/catalog resolver backends identity sdpath
index/search           library library/catalog resolver sdpath
index                  library library/catalog resolver backends identity sdpath
jobs                   library
resolver               library library/catalog backends identity sdpath
library                library/catalog sdpath
library/catalog        identity sdpath
identity
cache                  backends
staging                identity backends
rename                 backends
secrets
login
doctor                 backends
sdpath
backends
backends/internal/*    backends backends/internal/*
backends/backendtest   backends
backends/*             backends backends/internal/*
internal/*             any
'
# What a package'"'"'s tests may import besides.
test_rules='
fs                     library backends/* internal/*
library/catalog        library
guardian               backends/* internal/*
actions/*              actions actions/* jobs library library/catalog resolver backends/* internal/*
actions                backends/* internal/*
index                  backends/* internal/*
index/*                backends/* internal/*
resolver               backends/* internal/*
cmd/sd                 internal/*
login                  internal/*
cache                  backends/* internal/*
staging                backends/* internal/*
doctor                 backends/* internal/*
rename                 backends/* internal/*
backends/*             backends/* internal/* sdpath
'
# MODULE: its only importers.
owners='
github.com/hanwen/go-fuse       fs internal/mounttest scripts/*
github.com/mattn/go-sqlite3     library
github.com/dgraph-io/ristretto  cache
github.com/aws/                 backends/s3
google.golang.org/api           backends/gcs internal/*
golang.org/x/oauth2             backends/gcs login internal/*
github.com/Azure/               backends/azblob internal/*
github.com/rclone/              backends/rclone identity internal/*
github.com/zalando/go-keyring   secrets
filippo.io/age                  secrets
lukechampine.com/blake3         identity
github.com/gabriel-vasile/      index/identify
github.com/fsnotify/            index/watch
github.com/spf13/               cmd/sd
github.com/prometheus/          cmd/sd
'
# PACKAGE: the only modules that it may import.
pure='
sdpath    github.com/google/uuid
identity  github.com/google/uuid lukechampine.com/blake3/* github.com/rclone/rclone/backend/onedrive/quickxorhash github.com/rclone/rclone/backend/dropbox/dbhash
backends
'

# The tests' imports include those of the package itself; the extra freedom is theirs alone.
{
	GOFLAGS=-buildvcs=false go list -f '{{.ImportPath}} code{{range .Imports}} {{.}}{{end}}' ./...
	GOFLAGS=-buildvcs=false go list -f '{{.ImportPath}} test{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}' ./...
} | awk -v rules="$rules" -v test_rules="$test_rules" -v owners="$owners" -v pure="$pure" '
	function fits(name, pattern) {
		if (pattern == "any") return name !~ /^cmd(\/|$)/
		if (pattern ~ /\/\*$/) return index(name, substr(pattern, 1, length(pattern) - 1)) == 1
		return name == pattern
	}
	function fits_any(name, words, from,   i, w, n) {
		n = split(words, w)
		for (i = from; i <= n; i++) if (fits(name, w[i])) return 1
		return 0
	}
	# line(table, name): the first line of table whose first word fits name.
	function line(table, name,   l, n, i, w) {
		n = split(table, l, "\n")
		for (i = 1; i <= n; i++) {
			split(l[i], w)
			if (w[1] != "" && fits(name, w[1])) return l[i]
		}
		return ""
	}
	function complain(text) { print "layers: " text; bad = 1 }
	BEGIN { own = split(owners, owner, "\n") }
	{
		from = $1; sub(/^sd\//, "", from); test = $2 == "test"
		rule = line(rules, from)
		if (rule == "") { complain(from " has no rule in scripts/layers.sh"); next }
		for (i = 3; i <= NF; i++) {
			to = $i
			if (to ~ /^sd\//) {
				sub(/^sd\//, "", to)
				if (to == from || fits_any(to, rule, 2)) continue
				if (test && fits_any(to, line(test_rules, from), 2)) continue
				complain(from (test ? " (test)" : "") " may not import " to)
				continue
			}
			if (to !~ /^[^\/]*\.[^\/]*\//) continue # the standard library
			for (k = 1; k <= own; k++) {
				split(owner[k], w)
				if (w[1] != "" && index(to, w[1]) == 1 && !fits_any(from, owner[k], 2))
					complain(from (test ? " (test)" : "") " may not import " to)
			}
			if (!test && line(pure, from) != "" && !fits_any(to, line(pure, from), 2))
				complain(from " may not import " to)
		}
	}
	END { exit bad }
'
