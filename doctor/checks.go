package doctor

import "sd/backends"

// checks are all of them, in their order. Those that write come after those that find out
// whether what is written can be removed again.
var checks = []check{
	{what: "reach", do: (*run).reach},
	{what: "latency", do: (*run).latency},
	{what: "list", do: (*run).list},
	{what: "earlier looks", do: (*run).earlier},
	{what: "read", do: (*run).readSample, needs: func(r *run) bool { return r.o.ReadOnly && r.may.list }},

	{what: "write", do: (*run).write, needs: func(r *run) bool { return !r.o.ReadOnly }},
	{what: "read", do: (*run).read, needs: func(r *run) bool { return r.may.write }},
	{what: "remove", do: (*run).remove, needs: func(r *run) bool { return r.may.write }},
	{what: "seen at once", do: (*run).consistent, needs: func(r *run) bool { return writes(r) && r.may.list }},
	{what: "clock", do: (*run).clock, needs: writes},

	{what: "create if absent", do: (*run).createIfAbsent, needs: writes},
	{what: "replace if unchanged", do: (*run).replaceIfUnchanged, needs: writes},
	{what: "remove if unchanged", do: (*run).removeIfUnchanged, needs: writes},
	{what: "commit if absent", do: (*run).commitIfAbsent, needs: offers[backends.Uploader]},
	{what: "copy if absent", do: (*run).copyIfAbsent, needs: offers[backends.Copier]},
	{what: "copy if unchanged", do: (*run).copyIfUnchanged, needs: offers[backends.Copier]},

	{what: "copy", do: (*run).copies, needs: writes},
	{what: "rename", do: (*run).renames, needs: writes},
	{what: "times", do: (*run).times, needs: writes},
	{what: "modes and the like", do: (*run).attributes, needs: writes},
	{what: "change of these", do: (*run).changes, needs: writes},
	{what: "checksums", do: (*run).sums, needs: writes},
	{what: "odd names", do: (*run).oddNames, needs: func(r *run) bool { return writes(r) && r.may.list }},
	{what: "upper and lower case", do: (*run).cases, needs: writes},

	{what: "uploads in parts", do: (*run).parts, needs: writes},
	{what: "copies of parts", do: (*run).copiesOfParts, needs: offers[backends.Uploader]},
	{what: "throughput up", do: (*run).up, needs: func(r *run) bool { return writes(r) && r.o.Size >= leastSize }},
	{what: "throughput down", do: (*run).down, needs: func(r *run) bool { return writes(r) && r.o.Size >= leastSize }},

	{what: "versions", do: (*run).versions},
	{what: "space", do: (*run).space},
	{what: "changes by others", do: (*run).watches},
}
