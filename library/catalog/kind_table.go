package catalog

import "strings"

// kindExtensions are the extensions of each kind, in lower case and without the dot. The
// table follows shared-mime-info and, for code, the list of languages of linguist;
// where an extension means several things, the one that is met most often counts.
var kindExtensions = [kinds]string{
	KindImage: `jpg jpeg jpe jfif jif pjpeg pjp png apng gif webp avif avifs heic heics heif hif jxl jp2 j2k jpf jpx jpm jpc jxr hdp wdp
		bmp dib tif tiff ico cur icns svg svgz pbm pgm ppm pnm pam xbm xpm tga pcx psd psb xcf kra ora ai eps epsf epsi cdr wmf emf emz
		exr hdr dds qoi sketch fig afphoto afdesign afpub drawio vsd vsdx djv
		raw dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 rwl raf pef ptx srw x3f 3fr fff iiq mef mos mrw dcr kdc erf gpr
		dcm dicom procreate clip sai pdn flif bpg
		j2c jpgm jpg2 jng mng ktx ktx2 astc wbmp cgm pict pct pcd pntg ras rgb sgi sun rle iff ilbm lbm sk sk1 icb vda tpic
		xwd msod thm jls ani vsdm vss vssx vstx vsw dia`,
	KindVideo: `mp4 m4v mp4v mov qt mkv mk3d webm avi divx wmv asf wm flv f4v mpg mpeg mpe m1v m2v mp2v mpv m2p vob ifo mts m2ts m2t tod
		3gp 3gpp 3g2 3gp2 ogv ogm rm rmvb dv mxf ivf h264 h265 264 265 hevc av1 obu y4m yuv nut wtv dvr-ms bik bk2 smk r3d braw insv
		lrv fli flc swf amv roq viv
		mj2 mjp2 mjpg mjpeg movie moov qtvr 3gpp2 m1u m4u mxu mpl mpls bdmv avf axv nsv vivo rv rvx m4s qtl`,
	KindAudio: `mp3 m4a m4b m4r m4p aac adts flac wav wave w64 rf64 bwf ogg oga opus spx wma aif aiff aifc au snd alac ape wv tta tak mpc mp2 mp1 mka
		mid midi kar rmi ac3 eac3 ec3 dts dtshd thd amr awb caf dsf dff ra ram mod s3m xm it mtm umx voc gsm qcp aax aa
		m3u m3u8 pls xspf cue als flp logicx band sf2 sf3 sfz gp gp3 gp4 gp5 gpx mscz mscx
		f4a f4b 3ga aiffc axa mo3 m15 stm ult uni med 669 mpga wax wvx asx vlc wvc sid mxmf imy smaf shn`,
	KindDocument: `pdf doc docx docm dot dotx dotm rtf odt ott fodt odm oth pages wpd wps wri lwp abw
		xls xlsx xlsm xlsb xlt xltx xltm xlw ods ots fods numbers gnumeric wk1 wk3 wk4 123
		ppt pptx pptm pps ppsx ppsm pot potx potm odp otp fodp keynote sxw sxc sxi sdw sdc
		odg otg fodg odf sxm pub mpp one onetoc2 ps xps oxps dvi html htm xhtml xht mht mhtml shtml webarchive maff
		eml emlx msg mbox mbx pst ost oft ics ical ifb vcf vcard vcs hwp hwpx gdoc gsheet gslides gdraw gform
		tex ltx latex lyx bib bst cls sty texi texinfo typ tm url webloc 
		xla xlam xlm xlr wks wb1 wb2 wb3 wp wp4 wp5 wp6 wpp wcm cwk oda odc odb odi sxg sxd std stw stc sti sda sdd sds sdp
		sgl vor ppam ppz sldx sldm hlp fm pm6 p65 docbook dbk sgml sgm mml xbel xul pcl hpgl zabw gnc gnucash qif pkpass hwt
		siag kwd ksp kpr kfo`,
	KindBook: `epub epub3 mobi azw azw1 azw3 azw4 kfx prc pdb fb2 fbz lit lrf lrx tcr ibooks cbz cbr cb7 cbt cba djvu opf snb chm`,
	KindText: `txt text md markdown mdown mkd mkdn mdwn mdx rst adoc asciidoc org textile creole mediawiki wiki pod rdoc
		log out err nfo diz me 1st readme changelog srt sub ssa ass vtt smi sbv lrc ttml dfxp po diff patch rej
		man mdoc 1p 3p 3pm 3x troff roff nroff ms enex opml outline fountain 
		sami t2t etx rtx sgf pgn`,
	KindCode: `c h i ii cc cp cpp cxx c++ hh hpp hxx h++ inc inl ipp tcc tpp m mm swift go rs zig nim nims d di v vala vapi
		java kt kts ktm scala sc groovy gvy gradle clj cljs cljc cs csx vb vbs fs fsi fsx fsproj csproj vbproj sln vcxproj
		py pyi pyx pxd pyw rpy ipynb rb rbw rake gemspec erb pl pm t php phtml php3 php4 php5 phps lua luau tcl tk r rmd qmd jl
		js mjs cjs jsx ts cts tsx vue svelte astro coffee litcoffee ls elm purs res re rei ml mli mll mly hs lhs cabal hsc
		erl hrl ex exs eex heex leex lisp lsp cl el elc scm ss rkt sld fnl janet hy asm s nasm a51 wat wast ll
		sh bash zsh fish ksh csh tcsh dash bats ps1 psm1 psd1 bat cmd awk sed nu
		css scss sass less styl stylus pcss pug jade haml slim hbs handlebars mustache ejs njk liquid twig jinja jinja2 j2 tmpl tpl gohtml
		sql psql plsql ddl dml graphql gql proto thrift avdl capnp fbs idl webidl wsdl asn asn1
		mk mak make cmake ninja bazel bzl star starlark nix dhall hcl tf tfvars tfstate rego dockerfile containerfile vagrantfile
		jsonnet libsonnet cfg conf config ini toml yaml yml properties env editorconfig plist service socket timer mount slice
		lock work-go gyp gypi gn gni meson am ac m4 in pro pri qml ui qrc qss po4 rc def spec ebuild eclass pkgbuild
		xaml axaml xsl xslt xsd dtd rng rnc glade storyboard xib pbxproj xcconfig entitlements
		glsl vert frag geom comp tesc tese hlsl fx cg wgsl metal shader cu cuh ispc
		f for f77 f90 f95 f03 f08 ftn pas pp dpr lpr dfm ada adb ads cob cbl cpy bas frm abap apex sas ado wl wls
		dart hx as mxml gd gdshader sol vy move cairo cr pony io factor forth fth 4th st pike pmod icl dcl idr agda lean thy
		vhd vhdl vh sv svh verilog kicad_sch kicad_pcb kicad_pro ino pde scad openscad vim tmlanguage sublime-syntax
		gitignore gitattributes gitmodules dockerignore npmignore eslintrc prettierrc babelrc bashrc zshrc profile vimrc
		py3 wsgi perl al asp aspx ascx ashx cshtml razor jsp jspx jspf cfm asax jsm es wml wmls gsh gy ooc eif mo gmo xlf
		xliff feature gv gnuplot gplt ly qmltypes qmlproject tscn tres escn mof ocl moc uil manifest desktop automount scope
		target raml ent owx xbl fo xslfo sage`,
	KindData: `json jsonl ndjson json5 jsonc geojson topojson jsonld har xml rdf ttl n3 nt nq trig owl rss atom kml gml tcx fit
		csv tsv tab psv dat data db db3 sqlite sqlite3 s3db sl3 sqlite-wal sqlite-shm db-wal db-shm mdb accdb dbf ldf mdf ndf ibd myd myi
		parquet arrow feather orc avro hdf hdf5 h5 he5 nc nc4 cdf netcdf grib grb grib2 fits fts mat rdata rds rda sav dta por sas7bdat xpt
		npy npz pkl pickle joblib pt pth ckpt safetensors gguf ggml onnx tflite pb pbtxt tfrecord mlmodel caffemodel weights
		shp shx prj cpg sbn sbx qgs qgz gpkg osm pbf mbtiles pmtiles las laz e57 bed bam sam cram fasta fa fastq fq gff gtf
		pcap pcapng cap evtx etl trace prof pprof cbor msgpack bson dump rdb aof ldif reg idx pack wal cache
		torrent magnet par2 sfv md5 md5sum sha1 sha256 sha512 sha256sum b3 blake3 crc stats bin
		slk sylk csvs kmz icc icm hdf4 h4 nzb metalink meta4 sqlite2 kexi ged gedcom gra srx rdfs xmp aae lrcat lrtemplate ips
		bps theme ksy`,
	KindArchive: `zip zipx 7z rar rev r00 r01 tar tgz taz tbz tbz2 tb2 txz tlz tzst gz gzip bz bz2 bzip2 xz lz lzma lzo lz4 zst zstd br z sz
		cpio shar ar ace arc arj cab lha lzh sit sitx hqx zoo zpaq pea alz egg rz lrz war ear wim swm esd 
		 borg restic dar 001 xar warc wacz mozlz4 jsonlz4 unitypackage pak pk3 pk4 wad vpk bsa ba2 asar
		zim ustar gtar bcpio sv4cpio sv4crc tzo tlrz lhz zz bsdiff uue tnef`,
	KindDiskImage: `iso img ima dmg sparseimage sparsebundle toast vcd nrg mds ccd cso udf uif isz
		vdi vhdx vmdk qcow qcow2 qed hdd hds ova ovf vbox vmx vmem vmsn vmsd squashfs sqfs erofs ext4 fat dsk adf d64 t64 d81
		nds cia gba gb gbc nes sfc smc n64 z64 v64 gcm wbfs rvz xci nsp chd utm box tib gho gha
		iso9660 cdi toc gdi sqsh hfe fds vpc raw-disk-image n3ds smd gen 32x sms gg lnx pce ngp ngc wsc ws a26 a78 msx agb cgb
		sgb`,
	KindFont: `ttf otf ttc otc woff woff2 eot pfa pfb pfm afm tfm bdf pcf fon fnt dfont suit gsf psf psfu vfb glyphs ufo sfd
		spd ttx`,
	KindExecutable: `exe com scr msi msix msixbundle msp msu appx appxbundle dll ocx sys drv cpl efi mui so dylib a lib o obj ko elf axf
		app deb rpm apk aab apks xapk xpi crx pkg mpkg ipa snap flatpak flatpakref appimage run jar class pyc pyo pyd whl wasm gem nupkg vsix
		dex odex beam hi prx dol xbe xex vst vst3 lv2 component kext bundle framework node gadget ipk opk eopkg xbps dsym
		udeb spm sis sisx jnlp oxt xll xdgapp flatpakrepo 3dsx jad`,
	KindModel: ` stl 3mf amf ply fbx dae gltf glb blend blend1 max ma mb c4d lwo lws skp usd usda usdc usdz abc step stp iges igs
		sat sldprt sldasm slddrw ipt iam f3d dwg dxf dwf dgn rvt rfa ifc 3dm x3d x3dv wrl vrml u3d off md2 md3 md5mesh gcode vox ztl
		catpart catproduct par psm prt x_t x_b fcstd vrm pmx pmd ctm drc splat
		3ds mtl`,
	KindKey: `pem crt cer der p7b p7c p7m p7s p8 p10 p12 pfx csr crl jks jceks keystore bks key ppk gpg pgp asc sig sign minisig
		age kdb kdbx keychain keychain-db enc aes axx crypt crypt12 crypt14 vault tc hc luks ovpn mobileconfig
		p8e pkr skr pkipath spc cert`,
}

// kindWords are whole names, in lower case, for which no extension tells the kind.
var kindWords = [kinds]string{
	KindText: `readme license licence copying copyright notice authors contributors changelog changes news todo history install maintainers
		credits thanks version .gitkeep .keep .mailmap cname`,
	KindCode: `makefile gnumakefile bsdmakefile kbuild kconfig dockerfile containerfile vagrantfile jenkinsfile procfile rakefile gemfile podfile
		fastfile brewfile justfile cakefile guardfile capfile berksfile thorfile sconstruct sconscript build workspace codeowners owners pkgbuild
		apkbuild cmakelists.txt requirements.txt go.mod go.sum configure gradlew mvnw dune rebar.config crontab fstab
		.gitignore .gitattributes .gitmodules .gitconfig .dockerignore .npmignore .npmrc .nvmrc .yarnrc .editorconfig .eslintrc .eslintignore
		.prettierrc .prettierignore .babelrc .clang-format .clang-tidy .flake8 .pylintrc .rubocop.yml .env .envrc .profile .bashrc
		.bash_profile .bash_aliases .bash_logout .zshrc .zshenv .zprofile .inputrc .vimrc .emacs .tmux.conf .screenrc .xinitrc .xprofile .htaccess`,
	KindData: `.ds_store thumbs.db desktop.ini .directory .bash_history .zsh_history .lesshst .viminfo`,
	KindKey:  `id_rsa id_dsa id_ecdsa id_ed25519 known_hosts authorized_keys .netrc .pgpass .htpasswd`,
}

// maxWord is the length in bytes of the longest word that the tables hold.
const maxWord = 20

// kindOf has the words of both tables; extensions stand there with a dot in front.
var kindOf = func() map[string]Kind {
	m := make(map[string]Kind, 2000)
	for k := range kinds {
		for _, ext := range strings.Fields(kindExtensions[k]) {
			if _, taken := m["."+ext]; !taken {
				m["."+ext] = k
			}
		}
	}
	for k := range kinds {
		for _, word := range strings.Fields(kindWords[k]) {
			m["="+word] = k
		}
	}
	return m
}()
