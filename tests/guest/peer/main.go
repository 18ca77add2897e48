// Command peer is the guest's end of tests of the network: `peer serve PORT`
// is a server, `peer connect ADDRESS:PORT` a client that says what it met.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Println("usage: peer serve PORT | peer connect ADDRESS:PORT")
		os.Exit(2)
	}
	var err error
	if os.Args[1] == "serve" {
		err = serve(":" + os.Args[2])
	} else {
		err = connect(os.Args[2])
	}
	if err != nil {
		fmt.Println("peer failed:", err)
		os.Exit(1)
	}
}

// serve answers on a TCP and a UDP port. A datagram comes back as it is. A TCP
// connection begins with a count of bytes, 8 of them, big endian: so many
// random bytes are sent, or, if it is 0, what arrives is hashed.
func serve(address string) error {
	packets, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	go echo(packets)
	fmt.Println("peer", "serves")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(conn)
	}
}

func echo(packets net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := packets.ReadFrom(buf)
		if err == nil {
			_, err = packets.WriteTo(buf[:n], from)
		}
		if err != nil {
			fmt.Println("peer failed:", err)
		}
	}
}

func answer(conn net.Conn) {
	defer conn.Close()
	var count uint64
	if err := binary.Read(conn, binary.BigEndian, &count); err != nil {
		return
	}
	if count > 0 {
		_, _ = io.Copy(conn, io.LimitReader(rand.NewChaCha8([32]byte{}), int64(count)))
		return
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, conn); err == nil {
		_, _ = conn.Write(hash.Sum(nil))
	}
}

// connect prints the first line that a server sends.
func connect(address string) error {
	conn, err := net.DialTimeout("tcp4", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	var word string
	if _, err := fmt.Fscanln(conn, &word); err != nil {
		return err
	}
	fmt.Println("peer", "met", word)
	return nil
}
