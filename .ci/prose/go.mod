module github.com/waystation/waystation/.ci/prose

go 1.26
