// Collects and checks the licences of the server's modules.
module github.com/waystation/waystation/licenses

go 1.26.0

require github.com/google/licensecheck v0.3.1
