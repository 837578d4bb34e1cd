// Package picture turns an image file into what WhatsApp takes as a profile or
// group picture: a square JPEG of bounded size.
//
// It owns decoding, orientation, cropping and scaling. It neither fetches nor
// sends. Enter at Square.
package picture
