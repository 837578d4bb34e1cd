package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// convertTimeout bounds one conversion.
const convertTimeout = 60 * time.Second

// convertible are the input formats ffmpeg may see in a file. Playlists are not
// among them: they name other files and addresses.
const convertible = "mov,mp3,aac,ogg,wav,amr,flac,matroska,aiff,asf,avi,gif,gif_pipe,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe"

var (
	voiceArguments         = []string{"-vn", "-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k", "-f", "ogg"}
	audioArguments         = []string{"-vn", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "ipod"}
	stickerFilter          = "scale=512:512:force_original_aspect_ratio=decrease,format=rgba,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=0x00000000"
	stickerArguments       = []string{"-frames:v", "1", "-vf", stickerFilter, "-c:v", "libwebp", "-f", "webp"}
	movingStickerArguments = []string{"-t", "6", "-an", "-loop", "0", "-vf", "fps=12," + stickerFilter, "-c:v", "libwebp_anim", "-f", "webp"}
)

// convert replaces a file by its conversion. need describes the purpose, for the
// error when there is no converter.
func (l *Library) convert(ctx context.Context, p *Prepared, need, mimeType string, arguments []string) error {
	program, err := l.converter()
	if err != nil {
		return &Error{Reason: ReasonUnsupported, Message: need + ", the file is " + p.MimeType + ", and no converter (ffmpeg) is installed"}
	}
	out, err := l.newTemp()
	if err != nil {
		return err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(ctx, convertTimeout)
	defer cancel()
	call := append([]string{
		"-hide_banner", "-loglevel", "error", "-nostdin", "-y",
		"-protocol_whitelist", "file", "-format_whitelist", convertible, "-i", p.Name(),
	}, arguments...)
	call = append(call, "-fs", strconv.FormatInt(l.config.MaxBytes, 10), out.Name())
	command := exec.CommandContext(ctx, program, call...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	var complaint bytes.Buffer
	command.Stderr = &limitedWriter{to: &complaint, left: 4096}
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return &Error{Reason: ReasonTimeout, Message: "the file could not be converted in time", Err: ctx.Err()}
		}
		return &Error{Reason: ReasonBad, Message: need + ", and the file could not be converted", Err: errors.New(complaint.String())}
	}
	return l.replaceContent(p, out.File, mimeType)
}

func (l *Library) converter() (string, error) {
	if l.config.Converter != "" {
		return exec.LookPath(l.config.Converter)
	}
	return exec.LookPath("ffmpeg")
}

// limitedWriter keeps the beginning of its input.
type limitedWriter struct {
	to   io.Writer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	keep := p[:min(len(p), w.left)]
	w.left -= len(keep)
	if _, err := w.to.Write(keep); err != nil {
		return 0, err
	}
	return len(p), nil
}
