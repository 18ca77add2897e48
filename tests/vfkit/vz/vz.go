//go:build linux

// Package vz stands in for github.com/Code-Hex/vz/v3, Go's way to macOS'
// Virtualization.framework, so that vfkit itself runs on Linux. It has of its
// API what vfkit v0.6.3 and v0.6.4 use, checks what the framework checks, and
// says what the framework says. Apple's documentation of the classes is at
// https://developer.apple.com/documentation/virtualization.
//
// The machine is a process of its own, as it is on a Mac, where launchd starts
// com.apple.Virtualization.VirtualMachine: the program "machine" beside vfkit's
// (package main in service). It holds the disks' locks and the handles of the
// console, and can outlive vfkit.
//
// Environment variables (VZ_…) say how both behave: package machine lists them.
package vz

import "fmt"

// NSError is an error of the framework. It prints as Code-Hex/vz prints it.
type NSError struct {
	Domain string
	Code   int
	Text   string
}

func (e *NSError) Error() string {
	return fmt.Sprintf("Error Domain=%s Code=%d Description=%q UserInfo={}", e.Domain, e.Code, e.Text)
}

// ErrorCode is a code of VZErrorDomain (VZError.Code).
type ErrorCode int

// The codes that vfkit knows by name, and others that are in use here.
const (
	errorInternal               ErrorCode = 1
	errorInvalidConfiguration   ErrorCode = 2
	errorInvalidTransition      ErrorCode = 4
	errorInvalidDiskImage       ErrorCode = 5
	ErrorOperationCancelled     ErrorCode = 9
	errorNotSupported           ErrorCode = 10
	ErrorInstallationFailed     ErrorCode = 10007
	lead                                  = "Invalid virtual machine configuration. "
	posixNoEntry, posixNoAccess           = 2, 13
	posixConnectionReset                  = 54
)

func failure(code ErrorCode, text string) error { return &NSError{"VZErrorDomain", int(code), text} }

func invalid(text string) error { return failure(errorInvalidConfiguration, lead+text) }

func posix(code int, text string) error { return &NSError{"NSPOSIXErrorDomain", code, text} }
