//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
)

// copies measures copies on one disk.
func (x *actionsBench) copies(ctx context.Context) error {
	large := x.files.timed(fmt.Sprintf("one file of %d MiB", x.size>>20), 1.1, cpColumn)
	small := x.files.timed(fmt.Sprintf("%s files of 16 KiB", figure(float64(x.smallFiles()))), 1.1, cpColumn)
	memory := x.files.measure("peak memory, MiB", "≤ "+figure(maxMemory), atMost(maxMemory))
	for _, work := range []struct {
		what string
		row  *row
		from string
		same func(to string) error
	}{
		{"a large file", large, x.large, func(to string) error { return x.sameLarge(ctx, to) }},
		{"small files", small, x.small, x.sameSmall},
	} {
		err := x.pairs(ctx, "copy of "+work.what, x.files.columns, func(who string) error {
			dir, err := x.fresh()
			if err != nil {
				return err
			}
			to := filepath.Join(dir, "copy")
			var s spent
			if who == cpColumn {
				s, err = x.command(ctx, x.sd.env, "cp", "-a", work.from, to)
			} else {
				s, err = x.sdCommand(ctx, "cp", "-r", work.from, to)
			}
			if err != nil {
				return err
			}
			work.row.add(who, s.took.Seconds())
			memory.peak(who, s.peak)
			return work.same(to)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// peakOf notes the memory of a command in the row that all at S3 share.
func (x *actionsBench) peakOf(who string, s spent) {
	if x.memory == nil {
		x.memory = &row{
			name: "peak memory of any of these, MiB", goal: "≤ " + figure(maxMemory), met: atMost(maxMemory),
			samples: map[string][]float64{}, texts: map[string]string{}, cut: map[string]bool{},
		}
	}
	x.memory.peak(who, s.peak)
}

// rates are the rows of one direction.
func (x *actionsBench) rates(way string) (large, small *row) {
	return x.far.rated(fmt.Sprintf("%s, one file of %d MiB, MiB/s", way, x.size>>20), 1.2, rcloneColumn),
		x.far.rated(fmt.Sprintf("%s, %s files of 16 KiB, files/s", way, figure(float64(x.smallFiles()))), 1.5, rcloneColumn)
}

// up measures copies to a bucket.
func (x *actionsBench) up(ctx context.Context) error {
	s, err := x.bucket(ctx, "actions-up", "versitygw", false)
	if err != nil {
		return err
	}
	large, small := x.rates("local to S3")
	err = x.pairs(ctx, "large file to S3", x.far.columns, func(who string) error {
		if err := s.empty(); err != nil {
			return err
		}
		var took spent
		var err error
		if who == rcloneColumn {
			took, err = x.rcloneCommand(ctx, s, "copyto", x.large, "s:"+s.bucket+"/large")
		} else {
			took, err = x.sdCommand(ctx, "cp", x.large, "s3://"+s.bucket+"/large")
		}
		if err != nil {
			return err
		}
		large.add(who, mibPerSecond(x.size, took.took))
		x.peakOf(who, took)
		return x.sameLarge(ctx, s.path("large"))
	})
	if err != nil {
		return err
	}
	return x.pairs(ctx, "small files to S3", x.far.columns, func(who string) error {
		if err := s.empty(); err != nil {
			return err
		}
		var took spent
		var err error
		if who == rcloneColumn {
			took, err = x.rcloneCommand(ctx, s, "copy", x.small, "s:"+s.bucket+"/small")
		} else {
			took, err = x.sdCommand(ctx, "cp", "-r", x.small, "s3://"+s.bucket+"/small")
		}
		if err != nil {
			return err
		}
		small.add(who, float64(x.smallFiles())/took.took.Seconds())
		x.peakOf(who, took)
		return x.sameSmall(s.path("small"))
	})
}

// stocked gives a bucket that holds the large file and the small ones.
func (x *actionsBench) stocked(ctx context.Context, name string, metered bool) (*site, error) {
	s, err := x.bucket(ctx, name, "versitygw", metered)
	if err != nil {
		return nil, err
	}
	if err := s.server.Put(ctx, name, "large", newBlocks(x.size), x.size, nil); err != nil {
		return nil, err
	}
	return s, s.server.Fill(ctx, name, x.smallFiles(), func(i int) (string, []byte) {
		return "small/" + smallFile(i), smallContent(i)
	})
}

// down measures copies from a bucket.
func (x *actionsBench) down(ctx context.Context) error {
	s, err := x.stocked(ctx, "actions-down", false)
	if err != nil {
		return err
	}
	large, small := x.rates("S3 to local")
	err = x.pairs(ctx, "large file from S3", x.far.columns, func(who string) error {
		dir, err := x.fresh()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, "large")
		var took spent
		if who == rcloneColumn {
			took, err = x.rcloneCommand(ctx, s, "copyto", "s:"+s.bucket+"/large", to)
		} else {
			took, err = x.sdCommand(ctx, "cp", "s3://"+s.bucket+"/large", to)
		}
		if err != nil {
			return err
		}
		large.add(who, mibPerSecond(x.size, took.took))
		x.peakOf(who, took)
		return x.sameLarge(ctx, to)
	})
	if err != nil {
		return err
	}
	return x.pairs(ctx, "small files from S3", x.far.columns, func(who string) error {
		dir, err := x.fresh()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, "small")
		var took spent
		if who == rcloneColumn {
			took, err = x.rcloneCommand(ctx, s, "copy", "s:"+s.bucket+"/small", to)
		} else {
			took, err = x.sdCommand(ctx, "cp", "-r", "s3://"+s.bucket+"/small", to)
		}
		if err != nil {
			return err
		}
		small.add(who, float64(x.smallFiles())/took.took.Seconds())
		x.peakOf(who, took)
		return x.sameSmall(to)
	})
}

// account is what of sd's account of an action matters here.
type account struct {
	Plan    struct{ Steps, Through int64 }
	Outcome struct{ Through int64 }
}

// read takes in what sd has printed.
func (a *account) read(s spent) error {
	if err := json.Unmarshal(s.out, a); err != nil {
		return fmt.Errorf("sd printed %q", shorten(string(s.out)))
	}
	return nil
}

// across measures copies inside a server.
func (x *actionsBench) across(ctx context.Context) error {
	s, err := x.stocked(ctx, "actions-across", true)
	if err != nil {
		return err
	}
	times := x.far.measure(fmt.Sprintf("S3 to S3, one file of %d MiB and %s of 16 KiB, s", x.size>>20, figure(float64(x.smallFiles()))), "", nil)
	passed := x.far.measure("KiB of content through this machine in that", "0", atMost(0))
	wire := x.far.measure("KiB on the wire in that, with all headers", "", nil)
	n := 0
	return x.pairs(ctx, "S3 to S3", x.far.columns, func(who string) error {
		n++
		to := fmt.Sprintf("copy-%d", n)
		s.forget()
		var took spent
		var err error
		if who == rcloneColumn {
			took, err = x.rcloneCommand(ctx, s, "copy", "s:"+s.bucket, "s:"+s.bucket+"/"+to, "--include", "/large", "--include", "/small/**")
		} else {
			took, err = x.sdCommand(ctx, "--json", "cp", "-r", "s3://"+s.bucket+"/large", "s3://"+s.bucket+"/small", "s3://"+s.bucket+"/"+to+"/")
		}
		if err != nil {
			return err
		}
		times.add(who, took.took.Seconds())
		wire.add(who, float64(s.meter.up.Load()+s.meter.down.Load())/1024)
		x.peakOf(who, took)
		if who != rcloneColumn {
			var a account
			if err := a.read(took); err != nil {
				return err
			}
			passed.add(who, float64(a.Outcome.Through)/1024)
		}
		if err := x.sameLarge(ctx, s.path(to+"/large")); err != nil {
			return err
		}
		return x.sameSmall(s.path(to + "/small"))
	})
}

// syncFileSize is the size of each file of a large tree, in bytes.
const syncFileSize = 16

// syncs measures a sync of a large tree in which nothing has changed since the last one.
func (x *actionsBench) syncs(ctx context.Context) error {
	n := x.manyFiles()
	dir := x.work.path("data", "actions", "many")
	if err := makeSmallTree(ctx, dir, n, syncFileSize); err != nil {
		return err
	}
	sites := map[string]*site{}
	for who, bucket := range map[string]string{rcloneColumn: "sync-rclone", "sd": "sync-sd"} {
		s, err := x.bucket(ctx, bucket, "gofakes3", true)
		if err != nil {
			return err
		}
		sites[who] = s
	}
	peer, own := sites[rcloneColumn], sites["sd"]
	progress("filling %s with %d objects", peer.bucket, n)
	if err := peer.server.Fill(ctx, peer.bucket, n, func(i int) (string, []byte) {
		return "tree/" + smallFile(i), smallContent(i)[:syncFileSize]
	}); err != nil {
		return err
	}
	progress("the first sync of %d files by sd", n)
	first, err := x.sdCommand(ctx, "sync", dir, "s3://"+own.bucket+"/tree", "--yes")
	if err != nil {
		return err
	}
	x.peakOf("sd", first)
	name := fmt.Sprintf("sync of %s files, of which none has changed", figure(float64(n)))
	times := x.far.timed(name, 0.5, rcloneColumn)
	passed := x.far.measure("bytes of content in that", "0", atMost(0))
	wire := x.far.measure("KiB on the wire in that, with all headers", "", nil)
	return x.pairs(ctx, "sync", x.far.columns, func(who string) error {
		s := sites[who]
		s.forget()
		var took spent
		var err error
		if who == rcloneColumn {
			args := append([]string{"sync", dir, "s:" + s.bucket + "/tree", "--stats-one-line", "--stats", "1h"}, tunedSync...)
			took, err = x.rcloneCommand(ctx, s, args...)
		} else {
			took, err = x.sdCommand(ctx, "--json", "sync", dir, "s3://"+s.bucket+"/tree", "--yes")
		}
		if err != nil {
			return err
		}
		times.add(who, took.took.Seconds())
		wire.add(who, float64(s.meter.up.Load()+s.meter.down.Load())/1024)
		x.peakOf(who, took)
		if who != rcloneColumn {
			var a account
			if err := a.read(took); err != nil {
				return err
			}
			if a.Plan.Steps > 0 {
				return fmt.Errorf("it has found %d things to do", a.Plan.Steps)
			}
			passed.add(who, float64(a.Plan.Through+a.Outcome.Through))
		}
		return nil
	})
}
