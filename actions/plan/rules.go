package plan

import "sd/actions/compare"

// Rules say what the arguments of cp and mv mean, for --help.
const Rules = `Where sources go:
  cp FILE DIR/       into the folder, under its own name; the slash makes DIR if it is missing
  cp FILE DST        into DST if that is a folder, else it becomes DST
  cp -r DIR DST/     becomes DST/DIR
  cp -r DIR/ DST     the slash behind a source: what is in DIR goes into DST
  cp A B C DIR/      several sources need a folder
The same holds for every store: 's3://bucket/photos/' is a folder whether something is in it or
not, and a bucket itself counts as a folder with a slash behind it. mv takes folders without -r.

Patterns: '*', '?', '[a-z]' and '{a,b}' match within a name, '**' any number of folders, in every
store; quote them so that the shell leaves them alone. A file that is called just so comes before
what the pattern would match, and a pattern that matches nothing is an error. Local names that
begin with a dot have to be matched by one.

Files that are there: one that holds the same is left alone. It does if both are proven to, or if
size and time are equal. Any other is a conflict: nothing at all is done, and all conflicts
are listed, unless --overwrite says what is to happen:
  never    it stays            newer    it is replaced by a file that is newer
  always   it is replaced      changed  it is replaced by a file that differs
A folder and a file of one name are a conflict in any case. A source is moved away only when its
copy is complete, and never because a file there merely looks the same.

Links stay links and are not followed. Pipes, sockets and devices are left out. Times, modes,
owners, extended attributes, hard links and holes are kept where the target can, and the preview
says where it cannot.

` + compare.FilterRules

// RemoveRules say what the arguments of rm mean, for --help.
const RemoveRules = `Folders need -r. What is removed goes to the trash, and 'sd job undo' brings it back: local
files to that of the desktop, objects to .sd-trash/ in their volume, or they stay as versions
where the bucket keeps those. --permanent removes for good.

Patterns: '*', '?', '[a-z]' and '{a,b}' match within a name, '**' any number of folders, in every
store; quote them so that the shell leaves them alone. A whole volume is emptied by
sd rm -r 's3://bucket/*'. The root of a file system, what sd needs, and folders in which something
is mounted are never removed.

` + compare.FilterRules
