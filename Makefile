# The two commands to know: `make run` and `make test`. `make demo` is `make run`
# with an S3 server of its own, so that a bucket can be tried with no account.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/.tools/go/bin:$(CURDIR)/.tools/bin:$(PATH):/usr/local/go/bin

PREFIX  ?= /usr/local
DESTDIR ?=
MOUNT   ?=
BENCH   ?=
TAGS    ?=
VERSION  = $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD    = go build -buildvcs=false -trimpath -tags '$(TAGS)' -ldflags '-s -w -X main.version=$(VERSION)'

.DEFAULT_GOAL := build
.PHONY: run stop demo build release install uninstall test bench bench-s3 bench-index bench-actions bench-services lint fmt clean tools

run: ## install what is missing, build, mount at /sd (root) or ~/sd
	@scripts/install-deps.sh go cc fuse
	@$(MAKE) --no-print-directory build
	@scripts/run.sh start $(MOUNT)

demo: ## the same with an S3 server on loopback and a bucket of samples
	@scripts/install-deps.sh go cc fuse
	@scripts/tools.sh demo
	@$(MAKE) --no-print-directory build
	@scripts/demo.sh start
	@scripts/run.sh start $(MOUNT)

stop: ## end what run and demo started
	@scripts/run.sh stop $(MOUNT)
	@scripts/demo.sh stop

build: ## leave the binary at bin/sd
	@scripts/install-deps.sh go cc
	@$(BUILD) -o bin/sd ./cmd/sd

release: ## the same with all of rclone's backends, which is larger; `make install TAGS=allremotes` installs it
	@$(MAKE) --no-print-directory build TAGS=allremotes

install: build ## copy it below PREFIX (/usr/local), and the fstab helper to /sbin
	install -D -m 755 bin/sd $(DESTDIR)$(PREFIX)/bin/sd
	install -D -m 755 scripts/mount.sd $(DESTDIR)/sbin/mount.sd
	install -D -m 644 scripts/sd.service $(DESTDIR)$(PREFIX)/lib/systemd/user/sd.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/sd $(DESTDIR)/sbin/mount.sd $(DESTDIR)$(PREFIX)/lib/systemd/user/sd.service

test: ## vet and every test, with the race detector; needs /dev/fuse
	@scripts/install-deps.sh go cc fuse node test
	@scripts/tools.sh test
	@scripts/test.sh

bench: ## measure against the bare file system, rclone and s3fs
	@scripts/install-deps.sh go cc fuse node bench
	@scripts/tools.sh test bench
	@go run ./scripts/bench $(BENCH)

bench-s3: ## the part at a distance alone: sd, rclone and s3fs at 30 ms; BENCH=-quick and the like
	@scripts/install-deps.sh go cc fuse node bench
	@scripts/tools.sh test bench
	@go run ./scripts/bench -only s3 $(BENCH)

bench-index: ## the part on the index alone: scans, content ids, search; some ten minutes, BENCH=-quick is short
	@scripts/install-deps.sh go cc fuse node bench-index
	@scripts/tools.sh test
	@go run ./scripts/bench -only index $(BENCH)

bench-actions: ## copies and syncs alone, against cp and rclone; some ten minutes, BENCH=-quick is short
	@scripts/install-deps.sh go cc fuse node
	@scripts/tools.sh test bench
	@go run ./scripts/bench -only actions $(BENCH)

bench-services: ## ten volumes, and one beside others that are dead or slow; two minutes
	@scripts/install-deps.sh go cc fuse node
	@scripts/tools.sh test
	@go run ./scripts/bench -only services $(BENCH)

lint: ## gofmt, go vet (all systems), staticcheck, import layers
	@scripts/install-deps.sh go cc
	@scripts/tools.sh lint
	@scripts/lint.sh

fmt:
	gofmt -w $$(git ls-files '*.go')

tools: ## the pinned servers and linters, into .tools/bin
	@scripts/install-deps.sh go node
	@scripts/tools.sh demo test lint

clean: ## remove what was built; .tools/ (downloads) stays
	rm -rf bin *.test *.out *.prof
