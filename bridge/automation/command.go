package automation

import (
	"context"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// commands are the words after the prefix, with the settings that enable them.
var commands = map[string]struct {
	enabled func(c *config) bool
	run     reply
}{
	"ping":     {func(c *config) bool { return c.PingEnabled }, textReply("pong")},
	"uptime":   {func(c *config) bool { return c.UptimeEnabled }, uptime},
	"sticker":  {func(c *config) bool { return c.StickerEnabled }, makeSticker(false)},
	"removebg": {func(c *config) bool { return c.StickerEnabled && c.RemoveBackgroundKey != "" }, makeSticker(true)},
}

// command returns the command that a text is; nil = none.
func (c *config) command(text string) reply {
	if !c.stored || !strings.HasPrefix(text, c.CommandPrefix) {
		return nil
	}
	word, _, _ := strings.Cut(strings.TrimSpace(text[len(c.CommandPrefix):]), " ")
	if found, is := commands[strings.ToLower(word)]; is && found.enabled(c) {
		return found.run
	}
	return nil
}

func uptime(_ context.Context, s *Service, _ *Task) (*message.Content, error) {
	since := s.conn.ConnectedSince()
	if since.IsZero() {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not connected")
	}
	return &message.Content{Type: message.TypeText, Text: "connected for " + time.Since(since).Truncate(time.Second).String()}, nil
}

// makeSticker makes a sticker of the picture or video of the command's message, or of the message that it quotes. A file that
// is none is answered with the reason.
func makeSticker(cut bool) reply {
	return func(ctx context.Context, s *Service, t *Task) (*message.Content, error) {
		c, err := s.current(ctx)
		if err != nil {
			return nil, err
		}
		if t.FileOf == "" {
			return &message.Content{Type: message.TypeText, Text: "send the command under a picture or a video, or as a reply to one"}, nil
		}
		var edit func(ctx context.Context, picture []byte) ([]byte, error)
		seconds := 0
		switch {
		case cut && s.cfg.Background == nil:
			return &message.Content{Type: message.TypeText, Text: "this server has no service that removes backgrounds"}, nil
		case cut:
			edit = func(ctx context.Context, picture []byte) ([]byte, error) {
				return s.cfg.Background.Remove(ctx, c.RemoveBackgroundKey, picture)
			}
		case c.VideoStickerEnabled:
			seconds = c.MaxStickerSeconds
		}
		mediaID, err := s.conn.MakeSticker(ctx, t.Chat, t.FileOf, seconds, edit)
		switch wa.ReasonOf(err) {
		case wa.ReasonNotConnected, wa.ReasonStorage, wa.ReasonUnavailable:
			return nil, err
		}
		if err != nil {
			return &message.Content{Type: message.TypeText, Text: "no sticker: " + wa.PublicText(err, "the file cannot be converted")}, nil
		}
		return &message.Content{Type: message.TypeSticker, Media: &message.MediaSource{MediaID: mediaID}, PackName: c.Name}, nil
	}
}
