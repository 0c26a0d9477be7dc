package main

import "testing"

func TestUnescapeOctal(t *testing.T) {
	for in, want := range map[string]string{
		`/plain`: "/plain", `/a\040b`: "/a b", `/t\011n\012`: "/t\tn\n", `/back\134slash`: `/back\slash`, `/end\04`: `/end\04`,
	} {
		if got := unescapeOctal(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestMountTable(t *testing.T) {
	table, err := mountTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range table {
		if m.Mountpoint == "/proc" && m.Type == "proc" {
			return
		}
	}
	t.Errorf("there is no /proc in %v", table)
}

func TestKernelAtLeast(t *testing.T) {
	for _, tt := range []struct {
		release string
		want    bool
	}{
		{"6.9.0", true}, {"6.8.12-generic", false}, {"6.18.44-fc-v669", true}, {"7.0", true}, {"5.19.1", false}, {"unknown", false},
	} {
		if got := kernelAtLeast(tt.release, 6, 9); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.release, got, tt.want)
		}
	}
}
