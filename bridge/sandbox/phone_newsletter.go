package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// sendMexQuery sends a GraphQL query and decodes its response into result. A refusal is a *RequestError.
func (p *Phone) sendMexQuery(id string, variables, result any) error {
	raw, err := json.Marshal(map[string]any{"variables": variables})
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	query := leaf("query", raw)
	query.Attrs = waBinary.Attrs{"query_id": id}
	reply, err := p.sendRequest("w:mex", "get", types.ServerJID, query)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []graphQLError  `json:"errors"`
	}
	if err = json.Unmarshal(childContent(&reply, "result"), &answer); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if len(answer.Errors) > 0 {
		return &RequestError{Code: answer.Errors[0].Extensions.ErrorCode, Text: answer.Errors[0].Message}
	}
	if err = json.Unmarshal(answer.Data, result); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// CreateNewsletter creates a channel that the phone's account owns. It accepts the terms first.
func (p *Phone) CreateNewsletter(name, description string) (*types.NewsletterMetadata, error) {
	if err := p.AcceptNewsletterTerms(); err != nil {
		return nil, err
	}
	var answer struct {
		Created *types.NewsletterMetadata `json:"xwa2_newsletter_create"`
	}
	err := p.sendMexQuery(mexNewsletterCreate, map[string]any{"newsletter_input": map[string]string{"name": name, "description": description}}, &answer)
	return answer.Created, err
}

// SetNewsletterPicture replaces the picture of a channel that the account owns by a JPEG; nil removes it. It returns the channel with its new picture.
func (p *Phone) SetNewsletterPicture(channel types.JID, jpeg []byte) (*types.NewsletterMetadata, error) {
	var answer struct {
		Updated *types.NewsletterMetadata `json:"xwa2_newsletter_update"`
	}
	err := p.sendMexQuery(mexNewsletterUpdate, map[string]any{"newsletter_id": channel, "updates": map[string]any{"picture": append([]byte{}, jpeg...)}}, &answer)
	return answer.Updated, err
}

// EditNewsletter replaces the content of a post of a channel that the account owns.
func (p *Phone) EditNewsletter(channel types.JID, id types.MessageID, message Content) error {
	raw, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return p.changeNewsletterPost(channel, id, types.EditAttributeAdminEdit, raw)
}

// RevokeNewsletter deletes a post of a channel that the account owns.
func (p *Phone) RevokeNewsletter(channel types.JID, id types.MessageID) error {
	return p.changeNewsletterPost(channel, id, types.EditAttributeAdminRevoke, nil)
}

func (p *Phone) changeNewsletterPost(channel types.JID, id types.MessageID, edit types.EditAttribute, plain []byte) error {
	_, err := p.postToNewsletter(waBinary.Node{
		Tag: "message", Attrs: waBinary.Attrs{"to": channel, "id": id, "type": "text", "edit": string(edit)}, Content: []waBinary.Node{leaf("plaintext", plain)},
	})
	return err
}

// FollowNewsletter subscribes to a channel; the posts appear among the phone's messages.
func (p *Phone) FollowNewsletter(channel types.JID) error {
	return p.sendMexQuery(mexNewsletterFollow, map[string]any{"newsletter_id": channel}, &struct{}{})
}

// UnfollowNewsletter ends a subscription.
func (p *Phone) UnfollowNewsletter(channel types.JID) error {
	return p.sendMexQuery(mexNewsletterUnfollow, map[string]any{"newsletter_id": channel}, &struct{}{})
}

// PostNewsletter publishes in a channel that the account owns and returns the post's ids.
func (p *Phone) PostNewsletter(channel types.JID, message Content) (id types.MessageID, number types.MessageServerID, err error) {
	raw, err := proto.Marshal(message)
	if err != nil {
		return "", 0, fmt.Errorf("sandbox: %w", err)
	}
	id = p.random.messageID()
	ack, err := p.postToNewsletter(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"to": channel, "id": id, "type": "text"}, Content: []waBinary.Node{leaf("plaintext", raw)}})
	return id, numberOf(&ack, "server_id"), err
}

// ReactToNewsletter reacts to a post; an empty reaction removes it.
func (p *Phone) ReactToNewsletter(channel types.JID, number types.MessageServerID, reaction string) error {
	node := waBinary.Node{Tag: "reaction", Attrs: waBinary.Attrs{}}
	if reaction != "" {
		node.Attrs["code"] = reaction
	}
	_, err := p.postToNewsletter(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"to": channel, "id": p.random.messageID(), "type": "reaction", "server_id": fmt.Sprint(number),
	}, Content: []waBinary.Node{node}})
	return err
}

// postToNewsletter sends a message and returns its acknowledgement.
func (p *Phone) postToNewsletter(node waBinary.Node) (waBinary.Node, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	r := &request{net: p.net, device: p.device, node: &node}
	p.net.dispatch(r)
	if len(r.replies) == 0 {
		return waBinary.Node{}, errors.New("sandbox: no acknowledgement")
	}
	if code := numberOf(&r.replies[0], "error"); code != 0 {
		return r.replies[0], &RequestError{Code: code, Text: iqTexts[code]}
	}
	return r.replies[0], nil
}

// ViewNewsletter adds the account's view to posts. Unknown posts are ignored.
func (p *Phone) ViewNewsletter(channel types.JID, numbers []types.MessageServerID) error {
	items := make([]waBinary.Node, len(numbers))
	for i, number := range numbers {
		items[i] = waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"server_id": fmt.Sprint(number)}}
	}
	_, err := p.postToNewsletter(waBinary.Node{
		Tag: "receipt", Attrs: waBinary.Attrs{"to": channel, "id": p.random.messageID(), "type": "view"}, Content: []waBinary.Node{{Tag: "list", Content: items}},
	})
	return err
}
