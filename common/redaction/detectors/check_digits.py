"""Check digits of national ids. Each takes the id without blanks and marks, of right length."""

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Of 0 (A) to 9 (J), then of K to Z, where they stand in an odd place (counted from 1).
_CF_ODD = (
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
    *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
)


def is_ssn(digits: str) -> bool:
    """Areas, groups and serials that the SSA gives out (since 2011); no check digit exists."""
    area = digits[:3]
    return (
        area not in ("000", "666")
        and area < "900"
        and digits[3:5] != "00"
        and (digits[5:] != "0000" and digits not in ("078051120", "219099999", "123456789"))
    )


def is_nino(code: str) -> bool:
    """UK national insurance number: HMRC gives out no such prefixes; no check digit exists."""
    return code[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def is_steuer_id(digits: str) -> bool:
    """German tax id: ISO 7064 mod 11, 10; of the first ten digits one stands twice or thrice."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if digits[0] == "0" or counts[-1] not in (2, 3) or counts[:-1].count(1) < len(counts) - 1:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_nir(code: str) -> bool:
    """French social security number, Corsica's 2A and 2B included: 97 less the rest of 97."""
    number = code[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(code[13:])


def is_dni(code: str) -> bool:
    """Spanish DNI (eight digits) and NIE (X, Y or Z for 0, 1, 2): a letter for the rest of 23."""
    number = int({"X": "0", "Y": "1", "Z": "2"}.get(code[0], code[0]) + code[1:-1])
    return _DNI_LETTERS[number % 23] == code[-1]


def is_codice_fiscale(code: str) -> bool:
    """Italian tax code: the sixteenth letter for the sum over the others."""
    total = 0
    for place, character in enumerate(code[:15]):
        number = int(character, 36) - (0 if character.isdigit() else 10)
        total += number if place % 2 else _CF_ODD[number]
    return chr(ord("A") + total % 26) == code[15]


def is_cpf(digits: str) -> bool:
    """Brazilian CPF: two check digits of mod 11; eleven equal digits are none."""
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(
            int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length])
        )
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def is_bsn(digits: str) -> bool:
    """Dutch BSN: the weighted sum (9 to 2, the last -1) is a multiple of 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return total % 11 == 0 and len(set(digits)) > 1


def is_pesel(digits: str) -> bool:
    """Polish PESEL: a date of birth (the century is in the month) and a weighted sum."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    if not 1 <= int(digits[2:4]) % 20 <= 12 or not 1 <= int(digits[4:6]) <= 31:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return total % 10 == 0
