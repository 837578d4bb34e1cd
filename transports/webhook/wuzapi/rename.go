package wuzapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// initialisms are the parts of names that Go writes in capitals.
var initialisms = map[string]string{"id": "ID", "ids": "IDs", "jid": "JID", "jids": "JIDs", "url": "URL", "lid": "LID", "pn": "PN", "qr": "QR"}

// fixed are names that whatsmeow has other words for.
var fixed = map[string]string{
	"message_ids": "MessageIDs", "from_me": "IsFromMe", "group": "JID", "description": "Topic", "disappearing_seconds": "Ephemeral",
}

// goName turns message_id into MessageID.
func goName(name string) string {
	if known, ok := fixed[name]; ok {
		return known
	}
	var out strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		switch known, ok := initialisms[part]; {
		case ok:
			out.WriteString(known)
		case part != "":
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}

// lowerFirst turns message_count into messageCount, as the structs of protocol buffers are written.
func lowerFirst(name string) string {
	name = goName(name)
	if name == "" {
		return name
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// goNames decodes data and renames its members, by goName when by is nil.
func goNames(data json.RawMessage, by func(string) string) (any, error) {
	if by == nil {
		by = goName
	}
	if len(data) == 0 {
		return map[string]any{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, err
	}
	return renameMembers(decoded, by), nil
}

// renameMembers renames the members of objects at every depth.
func renameMembers(value any, by func(string) string) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[by(name)] = renameMembers(member, by)
		}
		return out
	case []any:
		for i := range v {
			v[i] = renameMembers(v[i], by)
		}
	}
	return value
}
