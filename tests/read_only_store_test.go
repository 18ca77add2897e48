//go:build linux

package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readOnlyStore loads a registration into the database of a store that cannot be
// written to, with the group $1 for builders, and reads what is known of a path.
const readOnlyStore = `set -eu
mount -t tmpfs store /nix/store
echo hello >file
path=$(nix-store --add file)
nix-store --dump-db $path >registration
rm -rf /nix/var/nix/db
printf '%s\n' root:x:0: nixbld:x:30000:nixbld1 >group
mount --bind group /etc/group
mount -o remount,ro /nix/store
export NIX_CONFIG="$NIX_CONFIG
build-users-group = $1"
nix-store --load-db <registration
nix-store -q --hash $path`

// Nix can be used in a guest whose store is the host's alone.
func TestReadOnlyStore(t *testing.T) {
	if root, _ := hostHas("root"); !root {
		t.Skip("mounts a store")
	}
	if private, err := hostHas("private-store"); !private {
		t.Skip(err)
	}
	private, err := filepath.Abs("private-store")
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, s samples) {
		groups := lookAt[string](t, s, "readOnlyStore|plain", `c: c.nix.settings.build-users-group or "nixbld"`)
		for name, group := range groups {
			cmd := exec.Command("sh", "-c", `cd "$1" && exec "$0" sh -c "$2" sh "$3"`, private, t.TempDir(), readOnlyStore, group)
			out, err := cmd.CombinedOutput()
			if want := strings.HasPrefix(name, "readOnlyStore"); (err == nil) != want {
				t.Errorf("%s: %v, build-users-group %q\n%s", name, err, group, out)
			}
		}
	})
}
