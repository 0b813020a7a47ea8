module types

go 1.18
