package wa

import (
	"encoding/json"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
)

var protoDecoder = protojson.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}

// GoJSON converts the raw member of a Message event, which is in the JSON form of protocol buffers, into the form that
// encoding/json makes of whatsmeow's Go structs: enumerations and 64-bit integers are numbers, members of a oneof stand in
// an object under the name of the oneof. Fields that whatsmeow's descriptors do not have are left out. It returns an error
// if raw is not a message.
func GoJSON(raw json.RawMessage) (json.RawMessage, error) {
	var message waE2E.Message
	if err := protoDecoder.Unmarshal(raw, &message); err != nil {
		return nil, fmt.Errorf("bridge: read the raw message: %w", err)
	}
	out, err := json.Marshal(&message)
	if err != nil {
		return nil, fmt.Errorf("bridge: encode the raw message: %w", err)
	}
	return out, nil
}
