package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sd/doctor"
	"sd/sdpath"
)

// lookFlags are those of sd doctor with a URI.
type lookFlags struct {
	readOnly bool
	size     byteSize
}

// sizes that may be asked for to measure the throughput, in bytes.
const (
	usualLook = 16 << 20
	mostLook  = 4 << 30
)

// look is what sd doctor prints of a store.
type look struct {
	URI      string       `json:"uri"`
	Volume   string       `json:"volume"`
	ReadOnly bool         `json:"read_only,omitempty"`
	OK       bool         `json:"ok"`
	Checks   []doctor.Row `json:"checks"`
	Left     []string     `json:"left,omitempty"`
}

// look tries out what the store of arg can do, and prints it as it is found.
func (a *app) look(ctx context.Context, arg string, f lookFlags) error {
	if f.size > mostLook {
		return usagef("--size: more than %s tells nothing more", size(mostLook))
	}
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	t, err := p.target(ctx, arg)
	switch {
	case err != nil:
		return err
	case t.content != nil:
		return usagef("%s is no place of its own: name the volume that its bytes lie in", arg)
	case t.volume == nil:
		return usagef("%s is on this machine: 'sd doctor' without a URI looks at that; name a volume, such as s3://bucket", arg)
	}
	if !f.readOnly {
		learned{p.library, t.volume.Fingerprint}.Keep(nil) // it may have become another server
	}
	full := sdpath.Cloud{Service: t.volume.Service, Identifier: t.volume.Identifier, Path: t.name}.String()
	if !a.json {
		fmt.Fprintf(a.out, "%s (volume %s)\n", printable(full), printable(t.volume.Info.Name))
	}
	line := a.newProgressLine()
	line.last = time.Now() // where lines stay, a short look prints none
	o := doctor.Options{
		Folder: t.name, ReadOnly: f.readOnly, Size: int64(f.size),
		Progress: func(what string, done, total int64) { line.set(lookText(line, what, done, total)) },
		Tell: func(row doctor.Row) {
			line.clear()
			if !a.json {
				a.printRow(row)
			}
		},
	}
	if f.size == 0 {
		o.Size = -1
	}
	report, err := doctor.Run(ctx, t.volume.Backend, o)
	line.clear()
	if a.json {
		out := look{full, t.volume.Info.Name, f.readOnly, err == nil && !report.Failed(), report.Rows, report.Left}
		err = errors.Join(err, a.printJSON(out))
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: not all was looked at")
	case err != nil:
		return err
	case report.Failed():
		return &quietError{}
	}
	return nil
}

// printRow prints what was found, and below it what sd does about it.
func (a *app) printRow(row doctor.Row) {
	fmt.Fprintf(a.out, "%-4s  %-20s  %s\n", row.Level, printable(row.What), printable(row.Found))
	if row.Does != "" {
		fmt.Fprintf(a.out, "      %-20s  -> %s\n", "", printable(row.Does))
	}
}

// lookText is the line that says what is being tried.
func lookText(l *progressLine, what string, done, total int64) string {
	switch {
	case total <= 0:
		return what + " …"
	case l.terminal:
		return fmt.Sprintf("%s %s %s of %s", what, bar(float64(done)/float64(total)), size(done), size(total))
	}
	return fmt.Sprintf("%s: %s of %s", what, size(done), size(total))
}
