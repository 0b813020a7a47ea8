module stamps

go 1.18
