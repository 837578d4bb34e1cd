package wwebjs

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// familyChannel has errors of its own for channels that do not exist.
const familyChannel = "channel"

// forkChannelRoutes are the operations on channels, which only the fork has.
func forkChannelRoutes() []rest.Route {
	of := rest.Family(familyChannel)
	muted := func(path string, value bool) rest.Route {
		return rest.Pass[channelRequest, succeeded]("POST", path, "newsletter.setMuted", of, rest.With(rest.Params{"muted": value}))
	}
	forms := contentForms[sent]("message.send", rest.Adjust(checkChannel))
	posts := map[string]rest.Route{}
	for _, kind := range []string{"string", "MessageMedia", "MessageMediaFromURL"} {
		posts[kind] = forms[kind]
	}
	return []rest.Route{
		rest.OneOf("POST", "/channel/sendMessage/{sessionId}", "contentType", posts, rest.TakesFiles(), of),
		rest.Pass[sessionRequest, channelList]("GET", "/client/getChannels/{sessionId}", "newsletter.list"),
		rest.Pass[inviteRequest, channelFound]("POST", "/client/getChannelByInviteCode/{sessionId}", "newsletter.get"),
		rest.Pass[channelDraft, channelMade]("POST", "/client/createChannel/{sessionId}", "newsletter.create"),
		rest.Pass[followRequest, succeeded]("POST", "/client/subscribeToChannel/{sessionId}", "newsletter.follow"),
		rest.Pass[followRequest, succeeded]("POST", "/client/unsubscribeFromChannel/{sessionId}", "newsletter.unfollow"),
		rest.Pass[channelRequest, channelShown]("POST", "/channel/getClassInfo/{sessionId}", "newsletter.get", of),
		rest.Pass[adminInvitation, succeeded]("POST", "/channel/sendChannelAdminInvite/{sessionId}", "newsletter.sendAdminInvite", of),
		muted("/channel/mute/{sessionId}", true), muted("/channel/unmute/{sessionId}", false),
		rest.Row("POST", "/channel/fetchMessages/{sessionId}", "session.getStatus newsletter.get newsletter.listMessages", fetchPosts, of,
			rest.Reads[account]("session.getStatus"), rest.Reads[channelFound]("newsletter.get"), rest.Reads[fetched]("")),
		rest.Row("POST", "/channel/sendSeen/{sessionId}", "newsletter.listMessages newsletter.markViewed", viewPosts, of),
	}
}

// channelID is the id of a channel in a request.
type channelID string

// ToParam implements rest.Converter.
func (id channelID) ToParam(field string) (any, error) {
	if !strings.HasSuffix(string(id), "@newsletter") {
		return nil, rest.Bad(field, "The chat is not a channel", "must end in @newsletter")
	}
	return string(id), nil
}

// checkChannel rejects messages to other chats.
func checkChannel(_ *rest.Exchange, p rest.Params) error {
	to, _ := p["to"].(string)
	_, err := channelID(to).ToParam("chatId")
	delete(p, "mark_read") // of chats
	return err
}

type channelRequest struct {
	sessionRequest
	Channel channelID `rest:"chatId,required,param=/newsletter" doc:"id of the channel"`
}

type followRequest struct {
	sessionRequest
	Channel channelID `rest:"channelId,required,param=/newsletter" doc:"id of the channel"`
}

type channelDraft struct {
	sessionRequest
	Title   string `rest:"title,required,param=/name" doc:"name of the channel"`
	Options *struct {
		Description string `rest:"description,param=/description" doc:"text of the channel"`
	} `rest:"options" doc:"further properties"`
}

// channelMade has the new channel as whatsapp-web.js returns it.
type channelMade struct {
	Success bool `json:"success" from:"=true"`
	Result  struct {
		Title     string           `json:"title" from:"/name"`
		ID        wid              `json:"nid" from:"/newsletter"`
		Link      channelLink      `json:"inviteLink" from:"/invite_code"`
		CreatedAt rest.UnixSeconds `json:"createdAtTs" from:"/created_at"`
	} `json:"result" from:"/newsletter"`
}

// channelLink is the link of an invite code.
type channelLink string

// UnmarshalJSON reads an invite code.
func (l *channelLink) UnmarshalJSON(raw []byte) error {
	*l = channelLink("https://whatsapp.com/channel/" + strings.Trim(string(raw), `"`))
	return nil
}

// channel is an object of the class Channel.
type channel struct {
	ID             wid    `json:"id" from:"/newsletter"`
	Name           string `json:"name" from:"/name"`
	Description    string `json:"description" from:"/description"`
	IsChannel      bool   `json:"isChannel" from:"=true"`
	IsGroup        bool   `json:"isGroup" from:"=false"`
	IsReadOnly     bool   `json:"isReadOnly" doc:"true for followers"`
	IsMuted        bool   `json:"isMuted" from:"/muted"`
	MuteExpiration int    `json:"muteExpiration" doc:"-1 = without end, 0 = not muted"`
	Metadata       struct {
		ID          wid              `json:"id" from:"/newsletter"`
		CreatedAt   rest.UnixSeconds `json:"createdAtTs" from:"/created_at"`
		InviteCode  string           `json:"inviteCode" from:"/invite_code"`
		Subscribers int              `json:"subscribersCount" from:"/subscriber_count"`
		Verified    bool             `json:"verified" from:"/verified"`
		Role        *string          `json:"membershipType" from:"/role"`
	} `json:"channelMetadata" from:"/"`
	Role string `json:"-" from:"/role"`
}

// FinishAnswer implements rest.Finisher.
func (c *channel) FinishAnswer() error {
	c.IsReadOnly = c.Role != "owner" && c.Role != "admin"
	if c.IsMuted {
		c.MuteExpiration = -1
	}
	return nil
}

type channelList struct {
	Success bool      `json:"success" from:"=true"`
	Result  []channel `json:"result" from:"/newsletters"`
}

type channelFound struct {
	Success bool    `json:"success" from:"=true"`
	Result  channel `json:"result" from:"/newsletter"`
}

type channelShown struct {
	Success bool    `json:"success" from:"=true"`
	Channel channel `json:"channel" from:"/newsletter"`
}

type adminInvitation struct {
	channelRequest
	User    contactID `rest:"userId,required,param=/contact" doc:"id of the person"`
	Options *struct {
		Comment string `rest:"comment,param=/caption" doc:"text of the invitation"`
	} `rest:"options" doc:"further properties"`
}

type postsRequest struct {
	channelRequest
	Search *postSearch `rest:"searchOptions" doc:"which posts; default the last 100"`
}

type postSearch struct {
	Limit  int   `rest:"limit" doc:"the last so many posts, 1000 at most; default 100"`
	FromMe *bool `rest:"fromMe" doc:"only own posts, or only those of others"`
}

const (
	maxPosts     = 1000 // in an answer
	maxPostsPage = 100  // of a call
)

// fetchPosts returns the last posts of a channel as messages. The author of a post is not known: all posts of a channel that the account owns
// are its own.
func fetchPosts(x *rest.Exchange, in *postsRequest) (*fetched, error) {
	limit, wanted := maxPostsPage, (*bool)(nil)
	if in.Search != nil {
		if in.Search.Limit < 0 {
			return nil, rest.Bad("searchOptions.limit", "", "must not be negative")
		}
		limit, wanted = min(cmp.Or(in.Search.Limit, limit), maxPosts), in.Search.FromMe
	}
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var self account
	if err := x.Read("session.getStatus", nil, &self); err != nil {
		return nil, err
	}
	x.Keep(self)
	var found channelFound
	if err := x.Read("newsletter.get", params, &found); err != nil {
		return nil, err
	}
	own, posts := found.Result.Role == "owner", []rest.Params{}
	if wanted == nil || *wanted == own {
		if posts, err = lastPosts(x, params, limit); err != nil {
			return nil, err
		}
	}
	for _, post := range posts {
		completePost(post, params["newsletter"], own, self)
	}
	raw, err := json.Marshal(rest.Params{"messages": posts})
	if err != nil {
		return nil, err
	}
	answer := new(fetched)
	return answer, x.Fill(raw, answer)
}

// lastPosts returns the last posts of a channel, the oldest first.
func lastPosts(x *rest.Exchange, channel rest.Params, limit int) (posts []rest.Params, err error) {
	for before := 0; len(posts) < limit; {
		var page struct {
			Messages []rest.Params `json:"messages"`
		}
		count := min(limit-len(posts), maxPostsPage)
		if err := x.Call("newsletter.listMessages", rest.Params{"newsletter": channel["newsletter"], "limit": count, "before_server_id": before}, &page); err != nil {
			return nil, err
		}
		if posts = append(page.Messages, posts...); len(page.Messages) < count {
			break
		}
		oldest := numberOf(posts[0])
		if oldest < 1 || before > 0 && oldest >= before {
			break
		}
		before = oldest
	}
	return posts, nil
}

// numberOf returns the number of a post inside its channel.
func numberOf(post rest.Params) int {
	number, _ := post["server_id"].(float64)
	return int(number)
}

// completePost adds what a message has beside the properties of a post.
func completePost(post rest.Params, channel any, own bool, self account) {
	post["chat"], post["sender"], post["from_me"] = channel, channel, own
	if own {
		post["sender"], post["status"] = self.Address, "sent"
	}
	reactions := []string{}
	if counts, ok := post["reaction_counts"].(map[string]any); ok {
		for emoji := range counts {
			reactions = append(reactions, emoji)
		}
	}
	post["reactions"] = reactions
}

// viewPosts marks the last posts of a channel as viewed, as many as a call takes.
func viewPosts(x *rest.Exchange, _ *channelRequest) (*succeeded, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	posts, err := lastPosts(x, params, maxPostsPage)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, 0, len(posts))
	for _, post := range posts {
		if number := numberOf(post); number > 0 {
			numbers = append(numbers, number)
		}
	}
	answer := &succeeded{Success: true, Result: true}
	if len(numbers) == 0 {
		return answer, nil
	}
	return answer, x.Call("newsletter.markViewed", rest.Params{"newsletter": params["newsletter"], "server_ids": numbers}, nil)
}
