package index

import "strings"

// RulesText says what locations leave out, for a help page. It tells all of the tables below.
const RulesText = `Left out, unless told otherwise:
  hidden files     names that begin with a dot (--hidden takes them in)
  dev folders      what development tools fill (--dev takes them in):
                   node_modules, bower_components, jspm_packages, __pycache__, site-packages,
                   __pypackages__, CMakeFiles, DerivedData, Carthage, .git, .hg, .svn, .bzr,
                   .jj, .venv, .tox, .nox, .eggs, .mypy_cache, .pytest_cache, .ruff_cache,
                   .gradle, .terraform, .next, .nuxt, .svelte-kit, .parcel-cache, .turbo,
                   .yarn, .pnpm-store, .angular, .dart_tool, .stack-work, .ccache, .direnv,
                   .zig-cache, zig-cache, zig-out, elm-stuff, .vs, .idea;
                   and beside a file that says whose they are:
                   target (Cargo.toml, pom.xml, build.sbt), build (build.gradle,
                   build.gradle.kts, CMakeLists.txt, setup.py, pyproject.toml, pubspec.yaml,
                   package.json), dist (package.json, setup.py, pyproject.toml), out
                   (build.gradle, package.json), bin and obj (*.csproj, *.fsproj, *.vbproj),
                   vendor (go.mod, composer.json, Gemfile), Pods (Podfile), venv and env
                   (requirements.txt, setup.py, pyproject.toml), _build and deps (mix.exs),
                   dist-newstyle (cabal.project, *.cabal), coverage (package.json)
  system files     lost+found, swap files, trash and caches of the system (--system takes
                   them in): lost+found, swapfile, swap.img, pagefile.sys, hiberfil.sys,
                   swapfile.sys, System Volume Information, $RECYCLE.BIN, RECYCLER, .Trash,
                   .Trash-*, .Trashes, .fseventsd, .Spotlight-V100, .snapshots, .zfs,
                   .DS_Store, ._*, .directory, Thumbs.db, desktop.ini;
                   and on this device, unless the location lies there:
                   /boot /dev /lost+found /proc /run /snap /sys /tmp /var/cache /var/lock
                   /var/run /var/tmp /var/lib/apt /var/lib/containerd /var/lib/containers
                   /var/lib/docker /var/lib/dpkg /var/lib/flatpak /var/lib/kubelet
                   /var/lib/lxcfs /var/lib/snapd /var/lib/systemd
  .gitignore       what the .gitignore files of local folders name, as Git reads them, from
                   the location down; a folder with a .git begins anew (--no-gitignore)
  --skip PATTERN   written as a line of a .gitignore in the location's folder. These come
                   last: --skip '!.config' takes in what the rules above leave out.
Pseudo file systems (/proc, /sys and the like), mounts of sd and the folders that it writes to
itself (libraries, cache, logs) are always left out. Links are entries of their own and never
followed. --all takes in all else but what --skip names.
`

// devFolders are always what a tool has made.
var devFolders = set(`node_modules bower_components jspm_packages __pycache__ site-packages __pypackages__ CMakeFiles DerivedData Carthage
	.git .hg .svn .bzr .jj .venv .tox .nox .eggs .mypy_cache .pytest_cache .ruff_cache .gradle .terraform .next .nuxt .svelte-kit
	.parcel-cache .turbo .yarn .pnpm-store .angular .dart_tool .stack-work .ccache .direnv .zig-cache zig-cache zig-out elm-stuff .vs .idea`)

// devBeside are what a tool has made if one of the files lies beside; "*.x" is any with that
// end. A cloud volume's folders are not judged by what lies beside them.
var devBeside = map[string][]string{
	"target":        {"Cargo.toml", "pom.xml", "build.sbt"},
	"build":         {"build.gradle", "build.gradle.kts", "CMakeLists.txt", "setup.py", "pyproject.toml", "pubspec.yaml", "package.json"},
	"dist":          {"package.json", "setup.py", "pyproject.toml"},
	"out":           {"build.gradle", "package.json"},
	"bin":           {"*.csproj", "*.fsproj", "*.vbproj"},
	"obj":           {"*.csproj", "*.fsproj", "*.vbproj"},
	"vendor":        {"go.mod", "composer.json", "Gemfile"},
	"Pods":          {"Podfile"},
	"venv":          {"requirements.txt", "setup.py", "pyproject.toml"},
	"env":           {"requirements.txt", "setup.py", "pyproject.toml"},
	"_build":        {"mix.exs"},
	"deps":          {"mix.exs"},
	"dist-newstyle": {"cabal.project", "*.cabal"},
	"coverage":      {"package.json"},
}

// systemNames are of the system wherever they lie; beside them, what begins with .Trash- or ._.
var systemNames = set(`lost+found swapfile swap.img pagefile.sys hiberfil.sys swapfile.sys $RECYCLE.BIN RECYCLER .Trash .Trashes
	.fseventsd .Spotlight-V100 .snapshots .zfs .DS_Store .directory Thumbs.db desktop.ini`)

const systemVolume = "System Volume Information"

// systemFolders are of the system where they lie, without the slash in front.
var systemFolders = set(`boot dev lost+found proc run snap sys tmp var/cache var/lock var/run var/tmp var/lib/apt var/lib/containerd
	var/lib/containers var/lib/docker var/lib/dpkg var/lib/flatpak var/lib/kubelet var/lib/lxcfs var/lib/snapd var/lib/systemd`)

// systemDepth is how many names the paths of systemFolders have at most.
const systemDepth = 3

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
