package wire

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"unsafe"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
)

// This file is the only one that accesses unexported fields of whatsmeow's types. The version in go.mod has these
// fields. With a version without them, the functions return an error, sessions do not connect, and every test that
// connects a session fails.

// field returns the address of the named field of a struct. The type of the field must be T.
func field[T any](structure any, name string) (*T, error) {
	value := reflect.ValueOf(structure).Elem()
	member := value.FieldByName(name)
	if !member.IsValid() || !member.Type().ConvertibleTo(reflect.TypeFor[T]()) || member.Type().Kind() != reflect.TypeFor[T]().Kind() {
		return nil, fmt.Errorf("bridge: this version of whatsmeow has no field %s.%s of type %s", value.Type(), name, reflect.TypeFor[T]())
	}
	return (*T)(unsafe.Pointer(member.UnsafeAddr())), nil
}

// stanzaHandler handles one stanza received from WhatsApp.
type stanzaHandler = func(context.Context, *waBinary.Node)

// wrapStanzaHandlers wraps each of the client's stanza handlers. Call it before the client connects.
func wrapStanzaHandlers(cli *whatsmeow.Client, wrap func(tag string, next stanzaHandler) stanzaHandler) error {
	value := reflect.ValueOf(cli).Elem().FieldByName("nodeHandlers")
	if !value.IsValid() || value.Kind() != reflect.Map || value.Len() == 0 ||
		!value.Type().Elem().ConvertibleTo(reflect.TypeFor[stanzaHandler]()) {
		return fmt.Errorf("bridge: this version of whatsmeow has no map of stanza handlers")
	}
	handlers := reflect.NewAt(value.Type(), unsafe.Pointer(value.UnsafeAddr())).Elem()
	for _, tag := range handlers.MapKeys() {
		next := handlers.MapIndex(tag).Convert(reflect.TypeFor[stanzaHandler]()).Interface().(stanzaHandler)
		wrapped := wrap(tag.String(), next)
		handlers.SetMapIndex(tag, reflect.ValueOf(wrapped).Convert(value.Type().Elem()))
	}
	return nil
}

// wrapFrameHandler wraps the handler of decrypted frames of the open connection. Call it before the first frame is
// read.
func wrapFrameHandler(cli *whatsmeow.Client, wrap func(next socket.FrameHandler) socket.FrameHandler) error {
	lock, err := field[sync.RWMutex](cli, "socketLock")
	if err != nil {
		return err
	}
	current, err := field[*socket.NoiseSocket](cli, "socket")
	if err != nil {
		return err
	}
	lock.RLock()
	defer lock.RUnlock()
	if *current == nil {
		return nil // the connection has already ended
	}
	handler, err := field[socket.FrameHandler](*current, "onFrame")
	if err != nil {
		return err
	}
	*handler = wrap(*handler)
	return nil
}

// wrapSocketTransports replaces the HTTP clients with which the client opens WebSockets before and after pairing by
// copies with wrapped transports.
func wrapSocketTransports(cli *whatsmeow.Client, wrap func(http.RoundTripper) http.RoundTripper) error {
	for _, c := range []struct {
		name string
		set  func(*http.Client)
	}{{"preLoginHTTP", cli.SetPreLoginHTTPClient}, {"websocketHTTP", cli.SetWebsocketHTTPClient}} {
		current, err := field[*http.Client](cli, c.name)
		if err != nil {
			return err
		}
		wrapped := **current
		if wrapped.Transport == nil {
			wrapped.Transport = http.DefaultTransport
		}
		wrapped.Transport = wrap(wrapped.Transport)
		c.set(&wrapped)
	}
	return nil
}
