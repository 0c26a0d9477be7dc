package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
)

// jsonObject writes a JSON object whose first member is a long array, an element at a time,
// and whose other members follow.
type jsonObject struct {
	w     io.Writer
	array *jsonArray
}

// element adds to the array, which is called name.
func (j *jsonObject) element(name string, v any) error {
	if err := j.begin(name); err != nil {
		return err
	}
	return j.array.add(v)
}

func (j *jsonObject) begin(name string) error {
	if j.array != nil {
		return nil
	}
	j.array = &jsonArray{w: j.w}
	_, err := fmt.Fprintf(j.w, "{%q: ", name)
	return err
}

// end ends the array, which may be empty, and the object.
func (j *jsonObject) end(name string, rest map[string]any) error {
	if err := j.begin(name); err != nil {
		return err
	}
	if err := j.array.close(); err != nil {
		return err
	}
	for _, key := range sortedKeys(rest) {
		text, err := json.Marshal(rest[key])
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(j.w, ", %q: %s\n", key, text); err != nil {
			return err
		}
	}
	_, err := io.WriteString(j.w, "}\n")
	return err
}

// plural is a number of things whose plural is not made by an s.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + many
}

// printableCommand is a shell command for people to copy, which has to be left out where a
// terminal cannot show its names as they are.
func printableCommand(command string) string {
	if shown := printable(command); shown != command {
		return "(--json has the command for) " + shown
	}
	return command
}
