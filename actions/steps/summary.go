package steps

import "sd/backends"

// Count is a number of files and their bytes.
type Count struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Add counts one file of n bytes.
func (c *Count) Add(n int64) {
	c.Files++
	c.Bytes += n
}

// Conflict is a file that stands in the way of another.
type Conflict struct {
	From string `json:"from,omitempty"` // URIs
	To   string `json:"to"`
	Why  string `json:"why"`
}

// Warning is something that the user should know before the plan runs.
type Warning struct {
	Code    string `json:"code"` // "cold-storage", "hard-links", "no-undo", …
	Text    string `json:"text"` // one sentence about all of them
	Count   int64  `json:"count"`
	Example string `json:"example,omitempty"` // a URI
}

// Space is what a plan needs of a store it writes to.
type Space struct {
	URI  string `json:"uri"`
	Need int64  `json:"need"` // bytes
	Free int64  `json:"free"` // bytes, -1: not known
}

// MaxListed is how many conflicts and refused files a Summary lists; all are counted.
const MaxListed = 1000

// Summary is what a plan comes to, for the preview.
type Summary struct {
	Steps   int64            `json:"steps"`   // of the plan, set by Writer.Finish
	Total   Count            `json:"total"`   // files that get a copy or move, by any method
	Methods map[string]Count `json:"methods"` // the same by Method.String
	Folders int64            `json:"folders"` // made
	// Whole are folders that are renamed or put back with all that is in them, by one step. They
	// count nowhere else.
	Whole   int64 `json:"whole_folders,omitempty"`
	Same    Count `json:"same"`    // there already, so nothing is done
	Proven  Count `json:"proven"`  // of Same, those that are proven to hold the same bytes
	Through int64 `json:"through"` // bytes that pass through this machine
	Saved   int64 `json:"saved"`   // bytes that need not, because of a proven copy or the store's own way
	Egress  int64 `json:"egress"`  // bytes that leave cloud stores, for which many charge

	Deletes   Count `json:"deletes"`  // files removed or put in the trash
	Trash     Count `json:"trash"`    // of Deletes, those that undo can bring back
	Replaces  Count `json:"replaces"` // files overwritten
	Conflicts int64 `json:"conflicts"`

	ConflictList []Conflict `json:"conflict_list,omitempty"`
	Denied       int64      `json:"denied"` // files for which a permission is missing
	DeniedList   []Conflict `json:"denied_list,omitempty"`
	Warnings     []Warning  `json:"warnings,omitempty"`
	Space        []Space    `json:"space,omitempty"`

	Requests map[string]int64 `json:"requests,omitempty"` // to cloud stores: "PUT", "COPY", "GET", "LIST", …
	Seconds  float64          `json:"seconds"`            // about how long it takes
}

// Method counts a file of n bytes that gets to its place by m.
func (s *Summary) Method(m Method, n int64) {
	if s.Methods == nil {
		s.Methods = make(map[string]Count)
	}
	c := s.Methods[m.String()]
	c.Add(n)
	s.Methods[m.String()] = c
	s.Total.Add(n)
}

// Renamed counts a file of n bytes, or a folder as a whole, that gets another name.
func (s *Summary) Renamed(kind backends.Kind, n int64) {
	if kind == backends.Dir {
		s.Whole++
		return
	}
	s.Method(Rename, n)
}

// Request counts n requests to a cloud store.
func (s *Summary) Request(verb string, n int64) {
	if s.Requests == nil {
		s.Requests = make(map[string]int64)
	}
	s.Requests[verb] += n
}

// Conflict counts a conflict and lists it if there are not too many.
func (s *Summary) Conflict(c Conflict) {
	s.Conflicts++
	if len(s.ConflictList) < MaxListed {
		s.ConflictList = append(s.ConflictList, c)
	}
}

// Deny counts a file for which a permission is missing and lists it if there are not too many.
func (s *Summary) Deny(c Conflict) {
	s.Denied++
	if len(s.DeniedList) < MaxListed {
		s.DeniedList = append(s.DeniedList, c)
	}
}

// Warn counts one more case of a warning. The text and the example of the first stay.
func (s *Summary) Warn(code, text, example string) {
	for i := range s.Warnings {
		if s.Warnings[i].Code == code {
			s.Warnings[i].Count++
			return
		}
	}
	s.Warnings = append(s.Warnings, Warning{Code: code, Text: text, Count: 1, Example: example})
}
