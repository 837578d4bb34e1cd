package sandbox

import (
	"fmt"
	"maps"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// text returns an attribute as a string: a JID in its text form, "" if absent.
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

// jidOf returns an attribute that must be a JID.
func jidOf(node *waBinary.Node, key string) (types.JID, bool) {
	jid, ok := node.Attrs[key].(types.JID)
	return jid, ok
}

// content returns a leaf's bytes; clients send them as bytes or, when they look like a number, as text.
func content(node *waBinary.Node) []byte {
	switch value := node.Content.(type) {
	case []byte:
		return value
	case string:
		return []byte(value)
	}
	return nil
}

// childContent returns the bytes of a child of the node.
func childContent(node *waBinary.Node, tag string) []byte {
	child := node.GetChildByTag(tag)
	return content(&child)
}

// withAttrs returns a copy of a stanza with further attributes; the content is shared.
func withAttrs(node waBinary.Node, extra waBinary.Attrs) waBinary.Node {
	attrs := make(waBinary.Attrs, len(node.Attrs)+len(extra))
	maps.Copy(attrs, node.Attrs)
	maps.Copy(attrs, extra)
	node.Attrs = attrs
	return node
}

// leaf returns an element with bytes as its content.
func leaf(tag string, data []byte) waBinary.Node { return waBinary.Node{Tag: tag, Content: data} }
