// Package tests holds what needs more than one package.
package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nixvf/nixvf/"

// edges says which packages of nixvf each package under pkg/ may import. What
// lies under cmd/ may import all of them.
var edges = map[string][]string{
	"accept":     {},
	"activation": {"bootdoc", "child", "fault", "instance", "lock", "roots", "ssh", "storeimage"},
	"boot":       {"accept", "bootdoc", "child", "console", "disk", "fault", "instance", "launchdoc", "lease", "link", "lock", "network", "pipe", "place", "roots", "shell", "sockets", "ssh", "storeimage", "vfkit", "vmm", "vsock"},
	"bootdoc":    {"strictjson"},
	"cache":      {},
	"casehack":   {"cache"},
	"child":      {},
	"cli":        {"fault", "pipe", "strictjson"},
	"console":    {},
	"disk":       {},
	"erofs":      {},
	"eval":       {"bootdoc", "cache", "casehack", "fault", "nix", "nixos", "place", "shell", "worktree"},
	"exchange":   {"fault", "nix", "place", "storeimage"},
	"expand":     {},
	"fault":      {},
	"identity":   {},
	"instance":   {"bootdoc", "console", "fault", "lock", "place"},
	"launchdoc":  {"bootdoc", "shell", "strictjson"},
	"lease":      {},
	"link":       {},
	"lock":       {"identity"},
	"network":    {"accept", "bootdoc"},
	"nix":        {"cache", "fault", "shell"},
	"nixos":      {},
	"pipe":       {},
	"place":      {"bootdoc", "expand", "fault", "shell"},
	"preflight":  {"bootdoc", "cache", "child", "nix", "qemu", "vmm"},
	"qemu":       {"fault", "vfkit"},
	"rootdisk":   {"bootdoc", "disk", "lock", "place"},
	"roots":      {"bootdoc", "fault", "identity", "nix", "place"},
	"shell":      {},
	"sockets":    {"place"},
	"ssh":        {"place", "shell", "sockets"},
	"storeimage": {"bootdoc", "cache", "casehack", "disk", "erofs", "lock", "nix", "place"},
	"strictjson": {},
	"vfkit":      {"bootdoc", "fault", "launchdoc", "place"},
	"vmm":        {"bootdoc", "cache", "child", "fault", "network", "qemu", "vfkit", "vsock"},
	"vsock":      {"accept"},
	"worktree":   {},
}

// Only package cli ends the process, reads flags and writes messages; nothing
// changes the process for all others.
var (
	forbiddenImports = []string{"flag", "log", "github.com/alecthomas/kong"}
	forbiddenUses    = []string{
		"os.Exit", "os.Chdir", "os.Setenv", "os.Unsetenv", "os.Clearenv", "syscall.Exit",
		"fmt.Print", "fmt.Printf", "fmt.Println",
	}
)

func TestImports(t *testing.T) {
	used := map[string]bool{}
	eachFile(t, "../pkg", func(t *testing.T, dir string, file *ast.File) {
		allowed, known := edges[dir]
		if !known {
			t.Errorf("pkg/%s: not in the table of edges", dir)
		}
		for _, imported := range imports(file) {
			sub, ours := strings.CutPrefix(imported, module)
			used[dir+" "+strings.TrimPrefix(sub, "pkg/")] = true
			if ours && !slices.Contains(allowed, strings.TrimPrefix(sub, "pkg/")) {
				t.Errorf("pkg/%s imports %s, which the table of edges does not allow", dir, sub)
			}
			if dir != "cli" && slices.Contains(forbiddenImports, imported) {
				t.Errorf("pkg/%s imports %q: only pkg/cli does", dir, imported)
			}
		}
	})
	for dir, allowed := range edges {
		for _, sub := range allowed {
			if !used[dir+" "+sub] {
				t.Errorf("the table of edges allows pkg/%s to import pkg/%s, which it does not", dir, sub)
			}
		}
	}
}

func TestUses(t *testing.T) {
	eachFile(t, "../pkg", func(t *testing.T, dir string, file *ast.File) {
		if dir == "cli" {
			return
		}
		names := map[string]string{} // of imported packages, by what the file calls them
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			name := path.Base(imported)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = imported
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(forbiddenUses, names[x.Name]+"."+s.Sel.Name) {
					t.Errorf("pkg/%s uses %s.%s: only pkg/cli may", dir, x.Name, s.Sel.Name)
				}
			}
			return true
		})
	})
}

// The commands share what they have in common through pkg/, not with each
// other.
func TestCommandImports(t *testing.T) {
	eachFile(t, "../cmd", func(t *testing.T, dir string, file *ast.File) {
		for _, imported := range imports(file) {
			if strings.HasPrefix(imported, module+"cmd/") {
				t.Errorf("cmd/%s imports %s", dir, imported)
			}
		}
	})
}

// Who looks for where things are finds each package.
func TestPackagesAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../.github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range edges {
		if !strings.Contains(string(text), "`"+dir+"`") {
			t.Errorf("CONTRIBUTING.md does not say what pkg/%s is", dir)
		}
	}
}

// eachFile visits each Go file below root that is no test, whatever system it
// is for. dir is its directory below root.
func eachFile(t *testing.T, root string, visit func(t *testing.T, dir string, file *ast.File)) {
	count := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		count++
		t.Run(filepath.ToSlash(name), func(t *testing.T) { visit(t, filepath.ToSlash(dir), file) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count == 0 {
		t.Fatalf("no Go file below %s", root)
	}
}

func imports(file *ast.File) []string {
	var list []string
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, imported)
		}
	}
	return list
}
