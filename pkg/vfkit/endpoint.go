package vfkit

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
)

// Endpoint is where vfkit's REST interface listens. Network is "unix", "tcp", or
// "" for nowhere; Address is the path of a socket, or a host and a port.
type Endpoint struct{ Network, Address string }

// maxSocket is the length of the longest path of a socket on macOS, in bytes.
const maxSocket = 103

// ParseEndpoint reads the value of --restful-uri as vfkit's package pkg/rest
// does, which cannot be had without the web server that it imports.
func ParseEndpoint(uri string) (Endpoint, error) {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return Endpoint{}, err
	}
	switch u.Scheme {
	case "none":
		return Endpoint{}, nil
	case "unix":
		if u.Host != "" || u.Path == "" || len(u.Path) > maxSocket {
			return Endpoint{}, fmt.Errorf("not unix:// and the absolute path of a socket, of at most %d bytes", maxSocket)
		}
		return Endpoint{"unix", u.Path}, nil
	case "tcp", "http": // the same to vfkit
		if u.Host == "" || u.Path != "" || u.Port() == "" {
			return Endpoint{}, errors.New("not tcp://, a host and a port")
		}
		return Endpoint{"tcp", u.Host}, nil
	}
	return Endpoint{}, fmt.Errorf("vfkit does not know the scheme %q", u.Scheme)
}

// Loopback reports whether an endpoint on TCP can be reached from this host
// alone.
func (e Endpoint) Loopback() bool {
	u := url.URL{Host: e.Address}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// String returns the value of --restful-uri.
func (e Endpoint) String() string {
	u := url.URL{Scheme: "unix", Path: e.Address}
	return u.String()
}
