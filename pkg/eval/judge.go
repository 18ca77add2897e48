package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/place"
)

// judgeSettings refuses what nixvf-args would refuse of the settings whatever its
// flags and environment are, and warns of what only a flag makes right, all of it
// before anything is built.
func (a *answer) judgeSettings() error {
	if len(a.Settings) == 0 {
		return nil
	}
	v, err := bootdoc.Settings(a.Settings)
	if err != nil {
		return refused(a.Name, strings.Split(err.Error(), "\n"))
	}
	a.Warnings = append(a.Warnings, pathWarnings(v)...)
	var wrong []string
	for _, drive := range v.QEMU.Drives {
		if err := place.Check(drive.File); err != nil {
			wrong = append(wrong, fmt.Sprintf("virtualisation.qemu.drives: file: %v", err))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fault.Hint(refused(a.Name, wrong), "it is not run by a shell; use variables, such as $PWD in place of $(pwd)")
}

// pathWarnings says which paths only a flag of nixvf-args can replace.
func pathWarnings(v bootdoc.Virtualisation) (warnings []string) {
	check := func(option, path, flag string) {
		if err := place.Check(path); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s: %v: nixvf-args needs %s", option, err, flag))
		}
	}
	if v.DiskImage != nil {
		check("virtualisation.diskImage", *v.DiskImage, "--disk FILE")
	}
	for _, tag := range slices.Sorted(maps.Keys(v.SharedDirectories)) {
		check("virtualisation.sharedDirectories."+tag+".source", v.SharedDirectories[tag].Source, "--share "+tag+"=DIR")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Credentials)) {
		check("virtualisation.credentials."+name, v.Credentials[name], "--credential "+name+"=FILE")
	}
	if v.Nixvf.Console != "" {
		check("nixvf.console", v.Nixvf.Console, "--console FILE")
	}
	return warnings
}
