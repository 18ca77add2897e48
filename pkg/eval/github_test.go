package eval

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/place"
)

// A flake on GitHub is fetched from there, at the revision that it has now.
func TestGitHub(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	const revision = "0123456789abcdef0123456789abcdef01234567"
	var mu sync.Mutex
	var asked []string
	startGitHub(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		switch {
		case !strings.Contains(r.URL.Path, "/someone/machines/"):
			http.NotFound(w, r)
		case strings.Contains(r.URL.Path, "/commits/"):
			fmt.Fprintf(w, `{"sha": %q, "commit": {"tree": {"sha": %q}}}`, revision, revision)
		default:
			w.Write(tarball(t, "machines-"+revision+"/sub", dir))
		}
	})

	var stderr bytes.Buffer
	r := request(dir, "github:someone/machines?dir=sub#vm", &stderr)
	r.Host.Dir = "/"
	doc := evaluate(t, r)
	if want := place.ID("type=github owner=someone repo=machines dir=sub", "vm"); doc.Name != "vm" || doc.ID != want {
		t.Errorf("name %q, id %q, want %q", doc.Name, doc.ID, want)
	}
	mu.Lock()
	if all := strings.Join(asked, " "); !strings.Contains(all, "/commits/HEAD") || !strings.Contains(all, revision) {
		t.Errorf("asked for %s", all)
	}
	mu.Unlock()
	r.Flake = "github:someone/nothing#vm"
	if _, err := Document(t.Context(), r); err == nil || !strings.Contains(err.Error(), "cannot read flake github:someone/nothing") {
		t.Errorf("a repository that is not there: %v", err)
	}
}

// tarball returns a compressed archive of the files in dir, under a prefix.
func tarball(t *testing.T, prefix, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := prefix + strings.TrimPrefix(path, dir)
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	for _, step := range []func() error{func() error { return err }, w.Close, z.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// startGitHub serves github.com's names to the programs that the test starts: a
// proxy leads all their connections to a server with a certificate of its own.
func startGitHub(t *testing.T, handle http.HandlerFunc) {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	certificate, authority := certify(t, "github.com", "api.github.com", "codeload.github.com")
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", server.Listener.Addr().String())
		if r.Method != http.MethodConnect || err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(to, buffered)
			to.Close()
		}()
		io.Copy(from, to)
	}))
	t.Cleanup(proxy.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, map[string]string{file: authority})
	for _, name := range []string{"NIX_SSL_CERT_FILE", "SSL_CERT_FILE"} {
		t.Setenv(name, file)
	}
	for _, name := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("no_proxy", "")
	t.Setenv("NO_PROXY", "")
}

// certify returns a certificate that is its own authority, and that as PEM.
func certify(t *testing.T, names ...string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nixvf test"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
