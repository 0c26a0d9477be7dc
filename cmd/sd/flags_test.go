package main

import "testing"

func TestByteSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64 // -1: an error
	}{
		{"0", 0}, {"1048576", 1 << 20}, {"256M", 256 << 20}, {"1.5GiB", 3 << 29}, {"2g", 2 << 30}, {"5MB", 5e6},
		{"", -1}, {"M", -1}, {"lots", -1}, {"-1", -1}, {"99999999T", -1},
	} {
		var b byteSize
		err := b.Set(tt.in)
		if tt.want < 0 && err == nil || tt.want >= 0 && (err != nil || int64(b) != tt.want) {
			t.Errorf("%q: got %d, %v, want %d", tt.in, int64(b), err, tt.want)
		}
	}
}

func TestOctal(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64 // -1: an error
	}{{"0", 0}, {"022", 0o22}, {"77", 0o77}, {"0777", 0o777}, {"1000", -1}, {"8", -1}, {"", -1}, {"-1", -1}} {
		var o octal
		err := o.Set(tt.in)
		if tt.want < 0 && err == nil || tt.want >= 0 && (err != nil || int64(o) != tt.want) {
			t.Errorf("%q: got %o, %v, want %o", tt.in, uint32(o), err, tt.want)
		}
	}
}
