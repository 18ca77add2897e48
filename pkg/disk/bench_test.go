package disk

import (
	"path/filepath"
	"testing"
)

func BenchmarkCreate(b *testing.B) {
	for _, size := range []string{"1GiB", "20GiB"} {
		b.Run(size, func(b *testing.B) {
			bytes, err := ParseSize(size)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				path := filepath.Join(b.TempDir(), "x.raw")
				if err := Create(b.Context(), path, Spec{Size: bytes, Format: Ext4, Label: "nixos"}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(allocated(b, path)), "disk-B")
			}
		})
	}
}
