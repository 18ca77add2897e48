package bootdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
)

// Differences returns what a VM of the document now has otherwise than one of the
// document was: what stays as it is for as long as the VM runs, whatever system its
// guest switches to. Each has a line of its own, by name.
func Differences(was, now *Document) []string {
	before, after := was.fixed(), now.fixed()
	all := maps.Clone(before)
	maps.Copy(all, after)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, gone := before[name]
		fresh, isThere := after[name]
		switch {
		case !isThere:
			lines = append(lines, name+": is gone")
		case !gone && fresh == "":
			lines = append(lines, name+": is new")
		case !gone:
			lines = append(lines, fmt.Sprintf("%s: is new, %s", name, fresh))
		case old != fresh:
			lines = append(lines, fmt.Sprintf("%s: %s, was %s", name, fresh, old))
		}
	}
	return lines
}

// fixed is what of a document stays as it is while a VM runs, by name: as text, ""
// where the name says it all.
func (d *Document) fixed() map[string]string {
	v := d.Virtualisation
	all := map[string]string{"kernel": d.Kernel, "initrd": d.Initrd}
	for _, param := range d.KernelParams {
		all["kernel parameter "+param] = ""
	}
	for tag, share := range v.SharedDirectories {
		all["share "+tag] = fmt.Sprintf("%s at %s", share.Source, share.Target)
		if !share.Writable {
			all["share "+tag] += ", read-only"
		}
	}
	for _, port := range v.ForwardPorts {
		all["forwarded port "+port.text()] = ""
	}
	for name, path := range v.Credentials {
		all["credential "+name] = path
	}
	v.SharedDirectories, v.ForwardPorts, v.Credentials = nil, nil, nil
	for name, value := range v.settings() {
		all[name] = value
	}
	return all
}

// settings is each setting as JSON, by its option's name.
func (v Virtualisation) settings() map[string]string {
	data, _ := v.fields() // no field is of a kind that JSON cannot hold
	settings := map[string]string{}
	flatten(settings, "", data)
	return settings
}

// flatten adds what an object holds to settings, under names as in "nixvf.ssh.user".
func flatten(settings map[string]string, name string, value json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) == nil && fields != nil {
		for key, field := range fields {
			flatten(settings, name+"."+key, field)
		}
		return
	}
	if text := string(bytes.TrimSpace(value)); text != "null" {
		settings[name[1:]] = text
	}
}

// text is a forwarded port as in "2222 to 22", or "guest's 10.0.2.4:80 to [::1]:8080/udp".
func (p ForwardPort) text() string {
	address := func(a Address) string {
		if a.Address == "" {
			return strconv.Itoa(a.Port)
		}
		return net.JoinHostPort(a.Address, strconv.Itoa(a.Port))
	}
	text := fmt.Sprintf("%s to %s", address(p.Host), address(p.Guest))
	if p.From == "guest" {
		text = fmt.Sprintf("guest's %s to %s", address(p.Guest), address(p.Host))
	}
	if p.Proto == "udp" {
		text += "/udp"
	}
	return text
}
