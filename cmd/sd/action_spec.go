package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"sd/actions/steps"
	"sd/sdpath"
)

// source is a PATH argument as an action takes it: absolute, and with the slash that stood
// behind it told apart.
func (p *places) source(ctx context.Context, arg string) (steps.Source, error) {
	uri, _, err := p.parsePath(ctx, arg)
	if err != nil {
		return steps.Source{}, err
	}
	if uri == nil {
		return steps.Source{}, fmt.Errorf("%s is a folder of the tree above all files: name a volume or a device below it", arg)
	}
	if file, ok := uri.(sdpath.Physical); ok {
		if _, _, err := p.resolver.Resolve(ctx, file); err != nil {
			return steps.Source{}, err
		}
	}
	return steps.Source{URI: uri.String(), Slash: isSlashed(arg, uri)}, nil
}

// isSlashed tells whether arg means a folder, or what is in it: by a last slash, or by a last
// dot, which a local path loses on its way.
func isSlashed(arg string, uri sdpath.Path) bool {
	if strings.HasSuffix(arg, "/") {
		return true
	}
	_, local := uri.(sdpath.Physical)
	return local && !looksLikeURI.MatchString(arg) && (arg == "." || arg == ".." || strings.HasSuffix(arg, "/.") || strings.HasSuffix(arg, "/.."))
}

// sources is source for several.
func (p *places) sources(ctx context.Context, args []string) ([]steps.Source, error) {
	list := make([]steps.Source, 0, len(args))
	for _, arg := range args {
		s, err := p.source(ctx, arg)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// who is this process's user, for the log.
func (p *places) who() steps.Who {
	w := steps.Who{UID: os.Getuid(), Host: p.resolver.ThisDevice().Slug, Line: commandLine(os.Args)}
	if u, err := user.Current(); err == nil {
		w.User = u.Username
	}
	return w
}

// commandLine is a command as it can be typed into a shell again.
func commandLine(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = shellWord(arg)
		if i == 0 {
			words[0] = "sd"
		}
	}
	return strings.Join(words, " ")
}
