package vfkit

import (
	"bytes"
	"net"
	"reflect"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// TestEachFlag: every flag makes another launch document, so none is read and then
// forgotten.
func TestEachFlag(t *testing.T) {
	yes := true
	values := map[string]any{
		"ID": "other", "Ephemeral": true, "CPUs": CPUs(3), "Memory": MiB(2048), "Disk": "/d.raw",
		"Shares": Shares{"docs": {Path: "/docs"}}, "Credentials": Files{"key": "/key"},
		"Net": NetNone, "MAC": MAC(net.HardwareAddr{2, 0, 0, 0, 0, 1}),
		"Forward":      []Forward{{From: "host", Proto: "tcp", Host: bootdoc.Address{Port: 2222}, Guest: bootdoc.Address{Port: 22}}},
		"HostLoopback": true, "Console": ConsolePTY, "GUI": &yes, "Rosetta": &yes, "Nested": &yes, "Vsock": []Port{22},
		"Store": bootdoc.StoreImage, "KernelParams": []string{"debug"},
	}
	launch := func(f Flags) []byte {
		t.Helper()
		doc, _, err := Launch(boot(t, `,"roots":["/nix/store/a"]`), Options{Host: host(), Flags: f})
		if err != nil {
			t.Fatal(err)
		}
		text, err := doc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	without := launch(Flags{})
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Flags]()) {
		value, ok := values[field.Name]
		if !ok {
			t.Errorf("%s: no value here", field.Name)
			continue
		}
		var f Flags
		reflect.ValueOf(&f).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(value))
		if bytes.Equal(launch(f), without) {
			t.Errorf("%s: it changes nothing", field.Name)
		}
	}
}
