module heap

go 1.18
