module example.com/variables.test

go 1.18
