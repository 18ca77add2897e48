package disk

import (
	"math"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"1073741824":          1 << 30,
		"1024M":               1 << 30,
		"20G":                 20 << 30,
		"20g":                 20 << 30,
		"20 GiB":              20 << 30,
		"20GB":                20 << 30,
		"1.5K":                1536,
		"0":                   0,
		"7b":                  7,
		"1T":                  1 << 40,
		"1152921504606846000": 1152921504606846000 - 1152921504606846000%128, // a float64
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestParseSizeRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "G", "-1", "-20G", "+5", "NaN", "NaNG", "inf", "Inf G", "1e3", "0x10", "0x1p4", "1_000",
		"20X", "20GGB", "20 G B", "20G ", " 20G", "20\n", "2 0G", "1,5G", "1.G", ".5G", "1..5G", "20Gi", "२G",
		"1024P", "9223372036854775807", "9223372036854775808", "8388608T", strings.Repeat("9", 400),
	} {
		if got, err := ParseSize(in); err == nil || got != 0 {
			t.Errorf("ParseSize(%q) = %d, %v; want an error", in, got, err)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"20G", "1024M", "1073741824", "1.5 GiB", "-1", "NaN", "8388608T", "0x1p4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		size, err := ParseSize(in)
		if err != nil {
			if size != 0 || strings.Contains(err.Error(), "\n") {
				t.Errorf("ParseSize(%q) = %d, %q", in, size, err)
			}
			return
		}
		if size < 0 || size >= 1<<60 {
			t.Errorf("ParseSize(%q) = %d", in, size)
		}
		if size > MaxSize {
			return
		}
		// Messages write four digits of it; those must read as the same size.
		again, err := ParseSize(describe(size))
		if err != nil || math.Abs(float64(again-size)) > float64(size)/1000 {
			t.Errorf("ParseSize(%q) = %d, %v; want about %d", describe(size), again, err, size)
		}
	})
}
