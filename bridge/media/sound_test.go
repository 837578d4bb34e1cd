package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// made returns a file that ffmpeg makes; tests without it are skipped.
func made(t *testing.T, name, arguments string) []byte {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	path := filepath.Join(t.TempDir(), name)
	call := append([]string{"-loglevel", "error", "-y"}, strings.Fields(arguments)...)
	if out, err := exec.Command("ffmpeg", append(call, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v, %s", name, err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

const sine = "-f lavfi -i sine=frequency=440:duration=3 "

// TestLengthOfSounds measures sounds of three seconds.
func TestLengthOfSounds(t *testing.T) {
	opus := made(t, "a.ogg", sine+"-c:a libopus")
	vorbis := made(t, "a.ogg", sine+"-c:a libvorbis")
	for name, c := range map[string]struct {
		content []byte
		want    time.Duration
	}{
		"aac":               {made(t, "a.aac", sine+"-c:a aac"), 3 * time.Second},
		"opus":              {opus, 3 * time.Second},
		"two joined opus":   {append(bytes.Clone(opus), opus...), 6 * time.Second},
		"three joined opus": {append(append(bytes.Clone(opus), opus...), opus...), 9 * time.Second},
		"vorbis":            {vorbis, 3 * time.Second},
		"two joined vorbis": {append(bytes.Clone(vorbis), vorbis...), 6 * time.Second},
		"wav":               {made(t, "a.wav", sine), 3 * time.Second},
		"wav with a list":   {made(t, "a.wav", sine+"-metadata title="+strings.Repeat("long", 20000)), 3 * time.Second},
		"mp3, constant":     {made(t, "a.mp3", sine+"-c:a libmp3lame -b:a 64k"), 3 * time.Second},
		"mp3, variable":     {made(t, "a.mp3", sine+"-c:a libmp3lame -q:a 5"), 3 * time.Second},
		"mp3, no Xing":      {made(t, "a.mp3", sine+"-c:a libmp3lame -q:a 5 -write_xing 0"), 3 * time.Second},
		"mp3, no tag":       {made(t, "a.mp3", sine+"-c:a libmp3lame -id3v2_version 0"), 3 * time.Second},
		"mp3, low rate":     {made(t, "a.mp3", sine+"-c:a libmp3lame -ar 16000 -b:a 24k"), 3 * time.Second},
		"flac":              {made(t, "a.flac", sine), 3 * time.Second},
		"m4a":               {made(t, "a.m4a", sine+"-c:a aac"), 3 * time.Second},
		"m4a in fragments":  {made(t, "a.m4a", sine+"-c:a aac -movflags +frag_keyframe+empty_moov"), 3 * time.Second},
		"amr":               {append([]byte("#!AMR\n"), bytes.Repeat(append([]byte{0x3c}, make([]byte, 31)...), 150)...), 3 * time.Second},
		"amr, silent":       {append([]byte("#!AMR\n"), bytes.Repeat(append([]byte{0x44}, make([]byte, 5)...), 150)...), 3 * time.Second},
	} {
		p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", c.content)}, KindAudio)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if off := (p.Duration - c.want).Abs(); off > 150*time.Millisecond {
			t.Errorf("%s: %s of %s, want %s", name, p.MimeType, p.Duration, c.want)
		}
		p.Close()
	}
}

// TestSizeOfFilms measures films of two seconds and 64 x 32 pixels.
func TestSizeOfFilms(t *testing.T) {
	const test = "-f lavfi -i testsrc=size=64x32:duration=2:rate=10 -pix_fmt yuv420p -c:v mpeg4 "
	turned := func(matrix ...uint32) []byte { // a, b, u, c, d of the display matrix
		content := made(t, "a.mp4", test)
		at := bytes.Index(content, []byte("tkhd")) + 4 + 40
		for i, value := range matrix {
			binary.BigEndian.PutUint32(content[at+4*i:], value)
		}
		return content
	}
	const one, minus = 1 << 16, 0xffff0000
	for name, c := range map[string]struct {
		content       []byte
		width, height int
	}{
		"plain":           {made(t, "a.mp4", test), 64, 32},
		"fragments":       {made(t, "a.mp4", test+"-movflags +frag_keyframe+empty_moov"), 64, 32},
		"fragments, moof": {made(t, "a.mp4", test+"-movflags +frag_keyframe+empty_moov+default_base_moof"), 64, 32},
		"turned left":     {turned(0, minus, 0, one, 0), 32, 64},
		"turned right":    {turned(0, one, 0, minus, 0), 32, 64},
		"upside down":     {turned(minus, 0, 0, 0, minus), 64, 32},
	} {
		p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", c.content)}, KindVideo)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Width != c.width || p.Height != c.height || (p.Duration-2*time.Second).Abs() > 150*time.Millisecond {
			t.Errorf("%s: %d x %d, %s", name, p.Width, p.Height, p.Duration)
		}
		p.Close()
	}
}

// TestVoiceNotesOfOtherContainers converts sounds whose type is not declared.
func TestVoiceNotesOfOtherContainers(t *testing.T) {
	for name, content := range map[string][]byte{
		"webm": made(t, "a.webm", sine+"-c:a libopus"), "flac": made(t, "a.flac", sine), "mkv": made(t, "a.mkv", sine+"-c:a libopus"),
		"m4a": made(t, "a.m4a", sine+"-c:a aac"), "vorbis": made(t, "a.ogg", sine+"-c:a libvorbis"), "mov": made(t, "a.mov", sine+"-c:a aac"),
	} {
		p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", content)}, KindVoice)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.MimeType != opusType || (p.Duration-3*time.Second).Abs() > 150*time.Millisecond {
			t.Errorf("%s: %s, %s", name, p.MimeType, p.Duration)
		}
		p.Close()
	}
}

// TestAudioOfOtherContainers sends sounds as plain audio: those that WhatsApp's apps play as they are, all others as AAC.
func TestAudioOfOtherContainers(t *testing.T) {
	film := made(t, "a.webm", "-f lavfi -i testsrc=size=64x32:duration=3:rate=5 "+sine+"-c:v libvpx -c:a libopus -shortest")
	flac, mov := made(t, "a.flac", sine), made(t, "a.mov", sine+"-c:a aac")
	webm, wma := made(t, "a.webm", sine+"-c:a libopus"), made(t, "a.wma", sine)
	for name, c := range map[string]struct {
		content  []byte
		declared string
		want     string // MIME type
	}{
		"webm":                  {webm, "", typeM4A},
		"webm, declared audio":  {webm, "audio/webm", typeM4A},
		"webm, declared video":  {webm, "video/webm", typeM4A},
		"webm, declared codecs": {webm, "audio/webm;codecs=opus", typeM4A},
		"webm, octet-stream":    {webm, typeBytes, typeM4A},
		"webm, vorbis":          {made(t, "a.webm", sine+"-c:a libvorbis"), "", typeM4A},
		"webm, film":            {film, "", typeM4A},
		"mka":                   {made(t, "a.mka", sine+"-c:a libopus"), "", typeM4A},
		"mov":                   {mov, "", typeM4A},
		"3gp":                   {made(t, "a.3gp", sine+"-c:a aac"), "", typeM4A},
		"aiff":                  {made(t, "a.aiff", sine), "", typeM4A},
		"aiff, declared":        {made(t, "a.aiff", sine), "audio/x-aiff", typeM4A},
		"wma":                   {wma, "", typeM4A},
		"wma, declared":         {wma, "audio/x-ms-wma", typeM4A},
		"avi":                   {made(t, "a.avi", sine), "", typeM4A},
		"flac":                  {flac, "", "audio/flac"},
		"flac, declared":        {flac, "audio/flac", "audio/flac"},
		"flac, declared x-flac": {flac, "audio/x-flac", "audio/flac"},
	} {
		p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", c.content), MimeType: c.declared}, KindAudio)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.MimeType != c.want || (p.Duration-3*time.Second).Abs() > 150*time.Millisecond {
			t.Errorf("%s: %s, %s; want %s", name, p.MimeType, p.Duration, c.want)
		}
		p.Close()
	}
	silent := made(t, "a.webm", "-f lavfi -i testsrc=size=64x32:duration=1:rate=5 -c:v libvpx")
	for name, c := range map[string]struct {
		config  Config
		content []byte
		reason  Reason
	}{
		"no converter":     {Config{Converter: "/nonexistent/ffmpeg"}, webm, ReasonUnsupported},
		"film, no sound":   {Config{}, silent, ReasonBad},
		"half of a header": {Config{}, webm[:40], ReasonBad},
		"no sound at all":  {Config{}, []byte("%PDF-1.4\n"), ReasonBad},
	} {
		_, err := newLibrary(t, c.config).Prepare(t.Context(), "s", Input{Base64: data("", c.content)}, KindAudio)
		if refused := (*Error)(nil); !errors.As(err, &refused) || refused.Reason != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

// TestNamedStickersKeepTheirMetadata names stickers that have an ICC profile, EXIF and XMP.
func TestNamedStickersKeepTheirMetadata(t *testing.T) {
	vp8l := chunk{"VP8L", tinyWebP[20:]}
	head := func(flags byte) chunk { return chunk{"VP8X", []byte{flags, 0, 0, 0, 0, 0, 0, 0, 0, 0}} }
	icc, exif, xmp := chunk{"ICCP", []byte("profile")}, chunk{"EXIF", []byte("old")}, chunk{"XMP ", []byte("<x/>")}
	for name, c := range map[string]struct {
		chunks []chunk
		flags  byte
		order  string
	}{
		"plain":      {[]chunk{vp8l}, 0x08, "VP8X VP8L EXIF"},
		"profile":    {[]chunk{head(0x20), icc, vp8l}, 0x28, "VP8X ICCP VP8L EXIF"},
		"all":        {[]chunk{head(0x2c), icc, vp8l, exif, xmp}, 0x2c, "VP8X ICCP VP8L EXIF XMP "},
		"old EXIF":   {[]chunk{head(0x08), vp8l, exif}, 0x08, "VP8X VP8L EXIF"},
		"XMP":        {[]chunk{head(0x04), vp8l, xmp}, 0x0c, "VP8X VP8L EXIF XMP "},
		"wrong flag": {[]chunk{head(0), icc, vp8l}, 0x28, "VP8X ICCP VP8L EXIF"},
	} {
		l := newLibrary(t, Config{})
		p, err := l.Prepare(t.Context(), "s", Input{Base64: data("", encodeRIFF(c.chunks))}, KindSticker)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := l.NameStickerPack(p, StickerPack{ID: "id", Name: "Pack", Author: "Me"}); err != nil {
			t.Fatal(err)
		}
		named, err := readWebP(p.File)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, c := range named.body {
			order = append(order, c.name)
		}
		if got := strings.Join(order, " "); got != c.order || named.body[0].data[0]&^byte(vp8xAlpha) != c.flags {
			t.Errorf("%s: %s with flags %x", name, got, named.body[0].data[0])
		}
		p.Close()
	}
}
