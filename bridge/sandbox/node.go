package sandbox

import (
	"fmt"
	"maps"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// text reads an attribute as a string; a JID is written out, anything absent is "".
func text(node *waBinary.Node, key string) string {
	switch value := node.Attrs[key].(type) {
	case nil:
		return ""
	case string:
		return value
	case types.JID:
		return value.String()
	default:
		return fmt.Sprint(value)
	}
}

// jidOf reads an attribute that must be a JID.
func jidOf(node *waBinary.Node, key string) (types.JID, bool) {
	jid, ok := node.Attrs[key].(types.JID)
	return jid, ok
}

// content reads a leaf's bytes; clients send them as bytes or, when they look like a number, as text.
func content(node *waBinary.Node) []byte {
	switch value := node.Content.(type) {
	case []byte:
		return value
	case string:
		return []byte(value)
	}
	return nil
}

// childContent reads the bytes of a child of the node.
func childContent(node *waBinary.Node, tag string) []byte {
	child := node.GetChildByTag(tag)
	return content(&child)
}

// with copies a stanza and sets attributes; the content is shared.
func with(node waBinary.Node, extra waBinary.Attrs) waBinary.Node {
	attrs := make(waBinary.Attrs, len(node.Attrs)+len(extra))
	maps.Copy(attrs, node.Attrs)
	maps.Copy(attrs, extra)
	node.Attrs = attrs
	return node
}

// leaf is an element with bytes in it.
func leaf(tag string, data []byte) waBinary.Node { return waBinary.Node{Tag: tag, Content: data} }
