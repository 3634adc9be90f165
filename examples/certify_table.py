"""Certify predictions for a table: fit, certify, print the summary, save. Takes seconds and needs no file."""

from knn_cert import SmoothedKNNClassifier, load_dataset

data = load_dataset("breast-cancer")  # features divided by constants that do not come from the training rows
clf = SmoothedKNNClassifier(n_neighbors=5, sigma=1.0).fit(data.X_train, data.y_train)
cert = clf.certify(data.X_test)

print(cert.summary(data.y_test, budgets=[0.1, 0.5, 1.0]))
print(
    f"query 0: class {cert.label[0]} for every table within {cert.radius[0]:.3f} of this one (L2, all rows)"
)
cert.save("certificates.csv")
