package drive

import "strings"

func errField(name string) *Error { return errParameter("fields", "Invalid field selection "+name) }

// A mask is a parsed fields parameter: nil takes all.
type mask map[string]mask

// parseMask reads "a,b(c,d/e),*".
func parseMask(text string) (mask, *Error) {
	m, rest, err := parseList(text)
	if err == nil && rest != "" {
		err = errField(rest)
	}
	return m, err
}

func parseList(text string) (mask, string, *Error) {
	m := make(mask)
	for {
		end := strings.IndexAny(text, ",()/")
		if end < 0 {
			end = len(text)
		}
		name := strings.TrimSpace(text[:end])
		if name == "" {
			return nil, "", errField(text)
		}
		text = text[end:]
		var inner mask
		var err *Error
		switch {
		case strings.HasPrefix(text, "/"):
			if inner, text, err = parseOne(text[1:]); err != nil {
				return nil, "", err
			}
		case strings.HasPrefix(text, "("):
			if inner, text, err = parseList(text[1:]); err != nil {
				return nil, "", err
			}
			if !strings.HasPrefix(text, ")") {
				return nil, "", errField(text)
			}
			text = text[1:]
		}
		if have, ok := m[name]; ok && have != nil && inner != nil {
			for k, v := range inner {
				have[k] = v
			}
		} else {
			m[name] = inner
		}
		if !strings.HasPrefix(text, ",") {
			return m, text, nil
		}
		text = text[1:]
	}
}

// parseOne reads what follows a slash: one name, perhaps with more below it.
func parseOne(text string) (mask, string, *Error) {
	end := strings.IndexAny(text, ",)")
	depth := strings.IndexByte(text, '(')
	if depth >= 0 && (end < 0 || depth < end) {
		inner, rest, err := parseList(text[depth+1:])
		if err != nil || !strings.HasPrefix(rest, ")") {
			return nil, "", errField(text)
		}
		return mask{text[:depth]: inner}, rest[1:], nil
	}
	if end < 0 {
		end = len(text)
	}
	m := mask(nil)
	for _, name := range reversed(strings.Split(text[:end], "/")) {
		if name == "" {
			return nil, "", errField(text)
		}
		m = mask{name: m}
	}
	return m, text[end:], nil
}

func reversed(list []string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[len(list)-1-i] = x
	}
	return out
}

// check refuses names that the resource does not have.
func (m mask) check(known schema) *Error {
	for name, inner := range m {
		deeper, ok := known[name]
		if known != nil && name != "*" && !ok {
			return errField(name)
		}
		if err := inner.check(deeper); err != nil {
			return err
		}
	}
	return nil
}

// apply keeps the chosen fields of maps, and of the maps in lists.
func (m mask) apply(v any) any {
	if m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for name, held := range v {
			inner, ok := m[name]
			if !ok {
				if inner, ok = m["*"]; !ok {
					continue
				}
			}
			out[name] = inner.apply(held)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.apply(v[i])
		}
		return out
	case map[string]string:
		out := make(map[string]string)
		for name := range v {
			if _, ok := m[name]; ok {
				out[name] = v[name]
			}
		}
		return out
	}
	return v
}
