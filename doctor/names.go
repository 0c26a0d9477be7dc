package doctor

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strconv"
	"strings"
	"sync"

	"sd/backends"
)

// odd are names that one service or another cannot hold.
var odd = []string{
	" leading blank", "trailing blank ", "trailing dot.", ".hidden", "-dash", "~$lock", "CON", "a:b", "a*b", "a?b", `a"b`, "a<b>c", "a|b",
	`back\slash`, "per%41cent", "plus+plus", "amp&amp;", "#hash", "tab\there", "new\nline", "control\x01", "del\x7f", "umläut",
	"日本語", "🙂", "zero\u200bwidth", "not UTF-8 \xff", strings.Repeat("n", 255),
}

// oddNames makes files of odd names and looks whether they have them then.
func (r *run) oddNames(ctx context.Context) Row {
	refused := make([]error, len(odd))
	parallel(len(odd), func(i int) {
		_, refused[i] = r.putPlain(ctx, "names/"+odd[i], hello)
	})
	listed := map[string]bool{}
	err := r.List(ctx, r.at("names"), func(page []backends.Entry) error {
		for _, e := range page {
			listed[e.Name] = true
		}
		return nil
	})
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return Row{Found: "a folder with odd names cannot be listed: " + text(err), Does: "ls of such a folder fails", Level: Warn}
	}
	var (
		mu            sync.Mutex
		changed, none []string
	)
	parallel(len(odd), func(i int) {
		ok := refused[i] == nil
		if ok {
			got, err := r.get(ctx, "names/"+odd[i], "", 0, -1)
			ok = err == nil && got == hello && listed[odd[i]]
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case refused[i] != nil:
			none = append(none, short(odd[i]))
		case !ok:
			changed = append(changed, short(odd[i]))
		}
	})
	if ctx.Err() != nil {
		return Row{}
	}
	row := Row{Found: fmt.Sprintf("%d of %d are kept as they are", len(odd)-len(changed)-len(none), len(odd)), Level: OK}
	if len(none) > 0 {
		row.Found += "; refused: " + strings.Join(none, ", ")
		row.Does, row.Level = "creating such a name fails with the errno of the refusal", Warn
	}
	if len(changed) > 0 {
		row.Found += "; changed or not found again: " + strings.Join(changed, ", ")
		row.Does, row.Level = "nothing: do not use such names here", Warn
	}
	return row
}

// short is a name in quotes that is not too long.
func short(name string) string {
	if len(name) > 40 {
		return fmt.Sprintf("one of %d bytes", len(name))
	}
	return strconv.Quote(name)
}

// cases finds out whether two names that differ in case, or in how an accent is written,
// are those of one file.
func (r *run) cases(ctx context.Context) Row {
	if _, err := r.putPlain(ctx, "Case", hello); err != nil {
		return r.failed(err, "")
	}
	_, err := r.Stat(ctx, r.at("cASE"))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return r.failed(err, "")
	}
	found := err == nil
	if _, err := r.putPlain(ctx, "caf\u00e9", hello); err != nil {
		return r.failed(err, "")
	}
	_, err = r.Stat(ctx, r.at("cafe\u0301"))
	one := err == nil
	row := Row{Found: "they matter: Case and cASE are two files", Level: OK}
	if found {
		row = Row{Found: "they do not matter: Case and cASE are one file", Does: "shows the name that the file was made with, and finds it by any", Level: OK}
	}
	if one {
		row.Found += "; so are é of one and of two characters"
	}
	folder, folds := r.Backend.(backends.CaseFolder)
	folds = folds && folder.Fold("Case") == folder.Fold("cASE")
	switch {
	case found && !folds:
		row.Does, row.Level = "does not expect this: two names of one file may be shown", Warn
	case !found && folds:
		row.Does, row.Level = "expects one file: the other of two such files may not be reached", Warn
	}
	return row
}
