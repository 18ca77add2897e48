package qemu

import (
	"errors"
	"slices"
	"strings"
)

// The device through which QEMU runs a guest on the host's own CPU, and the
// file in which Linux describes that.
const (
	KVM     = "/dev/kvm"
	CPUInfo = "/proc/cpuinfo"
)

// NestFiles are the files in which Linux's KVM of x86 says whether its guests can
// have a KVM too: Intel's, and AMD's.
var NestFiles = []string{"/sys/module/kvm_intel/parameters/nested", "/sys/module/kvm_amd/parameters/nested"}

// Nests reads one of [NestFiles].
func Nests(parameter string) bool {
	value := strings.TrimSpace(parameter)
	return value == "Y" || value == "1"
}

// CheckCPU returns an error for a host CPU, in the words of [CPUInfo], on which KVM cannot
// run an ordinary guest. On x86 its flags name Intel's VT-x (vmx) or AMD's SVM
// (svm) where it can. KVM without either is paravirtual: it is found inside
// other VMs and wants guest kernels that are made for it; under others QEMU
// aborts or stands still. On arm64, which has no such flags, KVM is there only
// where the CPU can.
func CheckCPU(cpuinfo string) error {
	for line := range strings.Lines(cpuinfo) {
		name, flags, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		words := strings.Fields(flags)
		if !slices.Contains(words, "vmx") && !slices.Contains(words, "svm") {
			return errors.New("the CPU offers neither VT-x nor SVM")
		}
		return nil
	}
	return nil
}
