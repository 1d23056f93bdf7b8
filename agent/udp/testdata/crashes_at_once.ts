throw new Error("crashes at once");
