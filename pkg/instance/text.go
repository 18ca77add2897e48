package instance

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/docker/go-units"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Text returns VMs for people, a line each below a heading; nothing of none.
func Text(vms []VM) []byte {
	if len(vms) == 0 {
		return nil
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tPID\tSINCE\tVMM\tMEMORY\tCPUS\tDISK\tSYSTEM\tFORWARDS")
	for _, v := range vms {
		columns := []string{
			v.ID, string(v.State), number(v.PID), v.since(), v.VMM, size(int64(v.MemorySize) << 20), number(v.Cores), v.disk(),
			v.System, forwards(v.ForwardPorts),
		}
		for i := range columns {
			columns[i] = cmp.Or(strings.Map(printable, columns[i]), "-")
		}
		fmt.Fprintln(w, strings.Join(columns, "\t"))
	}
	w.Flush()
	return b.Bytes()
}

// IDs returns the ids of VMs, a line each.
func IDs(vms []VM) []byte {
	var b bytes.Buffer
	for _, v := range vms {
		fmt.Fprintln(&b, v.ID)
	}
	return b.Bytes()
}

// printable drops what is no text: a record could hold anything.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

func number(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// size returns a number of bytes for people.
func size(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return units.CustomSize("%.4g%s", float64(bytes), 1024, []string{"B", "K", "M", "G", "T", "P"})
}

// since returns from when on the VM has been in its state, "" if that is not
// known.
func (v VM) since() string {
	at := v.Started
	if v.State == Stopped {
		if v.Ended == nil {
			return ""
		}
		at = v.Ended.Time
	}
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime)
}

// disk returns how large the root disk is, and how much of that it takes.
func (v VM) disk() string {
	if v.DiskSize == 0 {
		return ""
	}
	return cmp.Or(size(v.DiskAllocated), "0") + " of " + size(v.DiskSize)
}

// forwards returns forwarded ports as nixvf-args --forward takes them.
func forwards(ports []bootdoc.ForwardPort) string {
	var list []string
	for _, p := range ports {
		if p.From == "guest" {
			continue
		}
		text := fmt.Sprintf("%d:%d", p.Host.Port, p.Guest.Port)
		if p.Host.Address != "" {
			text = net.JoinHostPort(p.Host.Address, strconv.Itoa(p.Host.Port)) + ":" + strconv.Itoa(p.Guest.Port)
		}
		if p.Proto == "udp" {
			text += "/udp"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}
