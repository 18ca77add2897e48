package qemu

import "testing"

func TestCheckCPU(t *testing.T) {
	tests := []struct {
		name, cpuinfo string
		ok            bool
	}{
		{"Intel", "processor\t: 0\nflags\t\t: fpu vme vmx ssse3\nbugs\t\t:\n", true},
		{"AMD", "processor\t: 0\nflags\t\t: fpu vme svm\n\nprocessor\t: 1\nflags\t\t: fpu vme svm\n", true},
		{"in a VM", "processor\t: 0\nvmx flags\t: vnmi\nflags\t\t: fpu vme hypervisor\n", false},
		{"in no other flag", "flags\t\t: svm_lock avx512_vmx\n", false},
		{"arm64", "processor\t: 0\nFeatures\t: fp asimd\n", true},
		{"unknown", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckCPU(tt.cpuinfo); (err == nil) != tt.ok {
				t.Errorf("CheckCPU: %v", err)
			}
		})
	}
}
